"""Which camera is opened, and its errors. There is no V4L2 device here, so cv2.VideoCapture is a fake."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from device.errors import DeviceError
from device.sense.camera import open_camera
from device.settings.schema import Camera as Settings


def test_gstreamer_says_what_is_missing() -> None:
    if "GStreamer:                   YES" in cv2.getBuildInformation():
        pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(DeviceError, match="OpenCV built with GStreamer") as error:
        open_camera(Settings(source="gstreamer:videotestsrc ! appsink"))
    # It is not enough that the environment sees the system's: pip's comes first.
    assert "--system-site-packages: pip uninstall opencv-python-headless" in str(error.value)
    assert "NumPy 2" in str(error.value)


def test_gstreamer_with_an_opencv_that_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no such OpenCV here, so this is a fake that answers like a Jetson's."""
    calls: list[tuple[str, int]] = []

    def capture(pipeline: str, backend: int, limits: list[int]) -> Any:
        calls.append((pipeline, backend))
        assert limits[1::2] == [2000, 2000]
        return SimpleNamespace(isOpened=lambda: "appsink" in pipeline)

    monkeypatch.setattr(
        cv2, "getBuildInformation", lambda: "  Video I/O:\n    GStreamer:                   YES (1.20)\n"
    )
    monkeypatch.setattr(cv2, "VideoCapture", capture)
    assert open_camera(Settings(source="gstreamer:videotestsrc ! appsink", timeout_s=2)).name == "gstreamer"
    assert calls == [("videotestsrc ! appsink", cv2.CAP_GSTREAMER)]
    with pytest.raises(DeviceError, match="appsink drop=true"):
        open_camera(Settings(source="gstreamer:videotestsrc", timeout_s=2))


class FakeCapture:
    """cv2.VideoCapture as in cap_v4l.cpp; `script` is the result of each grab."""

    opens: tuple[str, ...] = ()
    script: tuple[bool, ...] = (True,)
    opened: tuple[str, ...] = ()

    def __init__(self, name: str, backend: int) -> None:
        assert backend == cv2.CAP_V4L2
        self.name, self.options, self.grabs, self.released = name, dict[int, float](), 0, False
        type(self).opened += (name,)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return Path(self.name).name in self.opens

    def set(self, key: int, value: float) -> bool:
        self.options[key] = value
        return True

    def grab(self) -> bool:
        self.grabs += 1
        return self.script[min(self.grabs, len(self.script)) - 1]

    def retrieve(self) -> tuple[bool, Any]:
        return True, np.full((4, 4, 3), (1, 2, 3), np.uint8)

    def release(self) -> None:
        self.released = True


@pytest.fixture
def dev(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A /dev of its own: two USB cameras with stable names, and a codec, which is not a camera."""
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(FakeCapture, "opened", ())
    (tmp_path / "v4l/by-id").mkdir(parents=True)
    for number in (0, 1, 2, 10):
        (tmp_path / f"video{number}").touch()
    for name, number in (("usb-B-index0", 2), ("usb-A_HD-index0", 0), ("usb-A_HD-index1", 1)):
        (tmp_path / "v4l/by-id" / name).symlink_to(tmp_path / f"video{number}")
    return tmp_path


def test_auto_opens_the_first_usb_camera_that_works(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "opens", ("video2",))
    camera = open_camera(Settings(width_px=800, height_px=600, fps=15), dev=dev)
    assert camera.name == str(dev / "v4l/by-id/usb-B-index0")
    assert [Path(name).name for name in FakeCapture.opened] == ["video0", "video2"], "index1 has no pictures"
    frame = camera.read()
    assert frame is not None
    assert frame.pixels[0, 0].tolist() == [3, 2, 1], "OpenCV's blue, green, red is reversed"
    capture: Any = camera._capture  # type: ignore[attr-defined]
    assert capture.options[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert [capture.options[k] for k in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)] == [800, 600]
    camera.close()
    assert capture.released


def test_auto_falls_back_to_nodes_in_numerical_order(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (dev / "v4l/by-id").iterdir():
        path.unlink()
    monkeypatch.setattr(FakeCapture, "opens", ("video10",))
    assert open_camera(Settings(), dev=dev).name == str(dev / "video10")
    assert [Path(name).name for name in FakeCapture.opened] == ["video0", "video1", "video2", "video10"]


def test_auto_says_where_it_looked(dev: Path) -> None:
    with pytest.raises(DeviceError, match=r"picamera2.*by-id.*usb-A_HD-index0: it does not open.*set camera\.source"):
        open_camera(Settings(), dev=dev)
    with pytest.raises(DeviceError, match=r"no camera found .*Plug one in"):
        open_camera(Settings(), dev=dev / "nothing")


def test_a_part_of_a_stable_name_is_enough(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "opens", ("video0", "video2"))
    assert open_camera(Settings(source="usb-b"), dev=dev).name.endswith("usb-B-index0")
    with pytest.raises(DeviceError, match=r"'C920'; there are: usb-A_HD-index0, usb-B-index0"):
        open_camera(Settings(source="C920"), dev=dev)
    with pytest.raises(DeviceError, match="no such camera"):
        open_camera(Settings(source=str(dev / "video7")))


def test_a_failing_grab_is_retried_for_a_while(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "opens", ("video0",))
    monkeypatch.setattr(FakeCapture, "script", (True, False, True, False))
    now_s = 50.0
    camera = open_camera(Settings(source=str(dev / "video0"), timeout_s=5), lambda: now_s)
    assert camera.read() is not None
    assert camera.read() is None
    assert camera.read() is not None
    now_s = 54.9
    assert camera.read() is None
    now_s = 55.1
    with pytest.raises(DeviceError, match="delivers no more frames"):
        camera.read()
    now_s = 50.0
    (dev / "video0").unlink()
    with pytest.raises(DeviceError, match="unplugged"):
        camera.read()

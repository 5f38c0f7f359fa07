"""picamera2 runs only on a Raspberry Pi, so this is a fake that behaves as its manual says."""

import sys
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from device.errors import DeviceError
from device.perception.face.search import RegionScheduler
from device.readings import Frame
from device.sense.camera import Picamera2Camera, open_camera
from device.settings.schema import Camera as Settings
from tests.builders import drawn


# In its manual: capture_request(wait=False) returns a job; RGB888 is BGR in memory, BGR888 is RGB.
class FakePicamera2:
    cameras: tuple[dict[str, object], ...] = ({"Num": 0},)
    busy = False
    second_stream = True
    newest: Any = None

    @classmethod
    def global_camera_info(cls) -> list[dict[str, object]]:
        return list(cls.cameras)

    def __init__(self) -> None:
        if self.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        type(self).newest = self
        self.configuration: Any = None
        self.main: Any = np.full((4, 6, 3), (30, 20, 10), np.uint8)
        self.lores: Any = None
        self.state, self.requests, self.jobs = "opened", list[Any](), list["Future[Any]"]()

    def create_video_configuration(self, **configuration: object) -> dict[str, object]:
        return configuration

    def configure(self, configuration: Any) -> None:
        if "lores" in configuration and not self.second_stream:
            raise RuntimeError(f"Configuration failed: {configuration}")
        self.configuration = configuration

    def start(self) -> None:
        self.state = "started"

    def capture_request(self, wait: bool) -> Any:
        assert wait is False
        self.jobs.append(Future())
        return SimpleNamespace(get_result=self.jobs[-1].result)

    def finish(self, stamp_ns: int | None) -> Any:
        request = SimpleNamespace(released=False)
        order = {"BGR888": 1, "RGB888": -1}[self.configuration["main"]["format"]]
        made = {"main": self.main[:, :, ::order]} | ({"lores": self.lores} if "lores" in self.configuration else {})
        request.make_array = lambda name: made[name]
        request.get_metadata = lambda: {} if stamp_ns is None else {"SensorTimestamp": stamp_ns}
        request.release = lambda: setattr(request, "released", True)
        self.jobs[-1].set_result(request)
        return request

    def stop(self) -> None:
        self.state = "stopped"

    def close(self) -> None:
        self.state += " closed"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> type[FakePicamera2]:
    kind = type("Fresh", (FakePicamera2,), {})
    monkeypatch.setitem(sys.modules, "picamera2", SimpleNamespace(Picamera2=kind))
    return kind


def test_picamera2_reads(fake: type[FakePicamera2]) -> None:
    camera = open_camera(Settings(width_px=320, height_px=240, fps=12))
    assert isinstance(camera, Picamera2Camera)
    device = fake.newest
    assert device.configuration["main"] == {"size": (320, 240), "format": "BGR888"}
    assert device.configuration["buffer_count"] >= 2
    began_s = time.monotonic()
    assert camera.read() is None
    assert 0.3 < time.monotonic() - began_s < 0.7
    assert len(device.jobs) == 1
    device.lores = np.zeros((180, 192), np.uint8)
    request = device.finish(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 40_000_000)
    frame = camera.read()
    assert len(device.jobs) == 1, "it waits for the pending request"
    assert frame is not None
    assert frame.pixels[0, 0].tolist() == [30, 20, 10]
    assert time.monotonic() - frame.time_s == pytest.approx(0.04, abs=0.03)
    assert request.released, "an unreleased request starves the camera"
    camera.close()
    assert device.state == "stopped closed"


def _yuv420(gray: Any, stride: int) -> Any:
    """As make_array returns it: brightness, then colours, each line padded to `stride`."""
    height, width = gray.shape
    planes = np.full((height * 3 // 2, stride), 128, np.uint8)
    planes[:height, :width] = gray
    planes[:, width:] = 255
    return planes


def test_the_second_stream_shows_movement_without_any_shrinking(fake: type[FakePicamera2]) -> None:
    camera = open_camera(Settings())
    device = fake.newest
    second = device.configuration["lores"]
    assert second == {"size": (160, 120), "format": "YUV420"}
    device.main = drawn()
    gray = cv2.resize(cv2.cvtColor(device.main, cv2.COLOR_RGB2GRAY), second["size"], interpolation=cv2.INTER_AREA)
    device.lores = _yuv420(gray, 192)
    camera.read()
    device.finish(None)
    frame = camera.read()
    assert frame is not None
    assert frame.small is not None
    assert np.array_equal(frame.small, gray)
    search = RegionScheduler()
    for step in range(60):
        seen = Frame(frame.pixels, step / 10, frame.small)
        if (part := search.next(seen, [])) is not None:
            search.searched(part, step / 10, found=False)
    came = frame.small.copy()
    came[40:70, 90:110] = 255
    # The search for movement does not look at the first stream.
    part = search.next(Frame(frame.pixels, 6.05, came), [])
    assert part is not None
    assert part.left <= 90 / 160
    assert part.left + part.width >= 110 / 160


@pytest.mark.parametrize(
    ("size", "second"), [((320, 240), (160, 120)), ((160, 120), (160, 120)), ((1920, 1080), (480, 270))]
)
def test_the_second_stream_is_smaller_and_even(
    fake: type[FakePicamera2], size: tuple[int, int], second: tuple[int, int]
) -> None:
    open_camera(Settings(width_px=size[0], height_px=size[1]))
    assert fake.newest.configuration["lores"]["size"] == second


def test_a_camera_without_a_second_stream_works(
    fake: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(fake, "second_stream", False)
    caplog.set_level("INFO")
    camera = open_camera(Settings())
    assert "no second, small stream" in caplog.text
    camera.read()
    fake.newest.finish(None)
    frame = camera.read()
    assert frame is not None
    assert frame.small is None
    assert frame.pixels[0, 0].tolist() == [30, 20, 10]


def test_a_frame_without_a_time_stamp_is_from_now(fake: type[FakePicamera2]) -> None:
    camera = Picamera2Camera(Settings(), lambda: 77.0)
    fake.newest.lores = np.zeros((180, 192), np.uint8)
    for stamp_ns in (None, 5):
        camera.read()
        fake.newest.finish(stamp_ns)
        frame = camera.read()
        assert frame is not None
        assert frame.time_s == 77.0


def test_errors_of_picamera2(fake: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
    camera = Picamera2Camera(Settings())
    camera.read()
    fake.newest.jobs[-1].set_exception(RuntimeError("Camera frontend has timed out!"))
    with pytest.raises(DeviceError, match="timed out"):
        camera.read()
    monkeypatch.setattr(fake, "busy", True)
    with pytest.raises(DeviceError, match="another program"):
        Picamera2Camera(Settings())
    monkeypatch.setattr(fake, "busy", False)
    monkeypatch.setattr(fake, "start", lambda _: (_ for _ in ()).throw(RuntimeError("no buffers")))
    with pytest.raises(DeviceError, match="does not start"):
        Picamera2Camera(Settings())
    assert fake.newest.state.endswith("closed"), "a camera that does not start is closed"
    monkeypatch.setattr(fake, "cameras", ())
    with pytest.raises(DeviceError, match="finds no camera"):
        open_camera(Settings(source="picamera2"))


def test_picamera2_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DeviceError, match="apt install python3-picamera2"):
        open_camera(Settings(source="picamera2"))


@pytest.mark.parametrize("source", ["picamera2", "auto"])
def test_picamera2_with_a_numpy_that_it_was_not_built_for(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Debian 12's simplejpeg raises this very ValueError on import.
    broken = 'raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")\n'
    (tmp_path / "picamera2.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with pytest.raises(DeviceError, match=r"numpy\.dtype size changed.*pip install 'simplejpeg>=1\.8'"):
        open_camera(Settings(source=source))

"""Cameras. Files, HTTP and RTSP are real; picamera2 is a fake that behaves as its documentation says, for it runs on a
Raspberry Pi only; and no V4L2 device is here: what is tested of it is the choice of a device and its errors, and the
reading over a fake cv2.VideoCapture.
"""

import socket
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from device.errors import DeviceError, EndOfMedia
from device.sense import camera as cameras
from device.sense.camera import Camera, OpenCVCamera, Picamera2Camera, open_camera
from device.sense.camera.file import PictureCamera, VideoCamera
from device.settings import Camera as Settings
from tests.sense import made
from tests.sense.mjpeg import served
from tests.sense.rtsp import streamed


def _file(path: Path, **more: Any) -> Settings:
    return Settings(source=f"file:{path}", **more)


def _drain(camera: Camera) -> None:
    while True:
        camera.read()


# Files


def test_a_video_plays_at_the_pace_of_life(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mp4", 8, fps=20)
    start_s = time.monotonic() + 0.1
    camera = open_camera(_file(path), start_s=start_s)
    assert isinstance(camera, VideoCamera)
    assert not camera.still_is_frozen
    assert camera.name == "a.mp4"
    shades = []

    def look() -> None:
        while True:
            frame = camera.read()
            if frame is None:
                continue
            assert -0.001 <= time.monotonic() - frame.time_s < 0.2, "given when it is due"
            place = (frame.time_s - start_s) * 20
            assert place == pytest.approx(round(place), abs=0.01)
            assert abs(int(frame.pixels[20, 10, 0]) - made.shade(round(place))) < 6
            shades.append(round(place))

    with pytest.raises(EndOfMedia, match=r"a\.mp4"):
        look()
    assert time.monotonic() >= start_s + 7 / 20
    assert shades == sorted(set(shades))
    assert len(shades) >= 6
    camera.close()


def test_late_frames_are_skipped(tmp_path: Path) -> None:
    now_s = 100.0
    camera = VideoCamera(made.video(tmp_path / "a.mp4", 10), lambda: now_s)
    first = camera.read()
    assert first is not None
    assert first.time_s == 100.0
    now_s = 100.55
    frame = camera.read()
    assert frame is not None
    assert frame.time_s == pytest.approx(100.5)
    assert abs(int(frame.pixels[20, 10, 0]) - made.shade(5)) < 6
    began_s = time.monotonic()
    now_s = 99.0
    assert camera.read() is None
    assert 0.3 < time.monotonic() - began_s < 0.6
    now_s = 200.0
    last = camera.read()
    assert last is not None
    assert last.time_s == pytest.approx(100.9)
    with pytest.raises(EndOfMedia):
        camera.read()


def test_a_slow_machine_sees_something(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mp4", 60, fps=30)
    ticks = iter(np.arange(100.0, 500.0, 0.2))
    camera = VideoCamera(path, lambda: float(next(ticks)))  # every look at the clock takes 0.2 s
    seen = [camera.read() for _ in range(3)]
    assert all(frame is not None for frame in seen)


def test_a_picture_comes_again_and_again(tmp_path: Path) -> None:
    pixels = np.full((48, 64, 3), (200, 100, 50), np.uint8)
    camera = open_camera(_file(made.picture(tmp_path / "a.png", pixels), fps=20))
    assert isinstance(camera, PictureCamera)
    frames = [camera.read() for _ in range(5)]
    assert all(f is not None and np.array_equal(f.pixels, pixels) for f in frames)
    steps = np.diff([f.time_s for f in frames if f])
    assert steps == pytest.approx([0.05] * 4, abs=0.02)
    assert frames[0] is not None
    assert frames[1] is not None
    frames[0].pixels[:] = 0
    assert frames[1].pixels.any(), "a frame that is drawn on spoils no other"
    camera.close()
    slow = PictureCamera(tmp_path / "a.png", 0.5)
    assert slow.read() is not None
    assert slow.read() is None


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [("a.png", b"text", "neither picture"), ("a.mp4", b"", "empty"), ("gone.jpg", None, "No such file")],
)
def test_a_file_that_cannot_be_seen(tmp_path: Path, name: str, content: bytes | None, says: str) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DeviceError, match=rf"{name}.*{says}"):
        open_camera(_file(tmp_path / name))


def test_broken_and_blind_files(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"a\.wav: sound only"):
        open_camera(_file(made.wav(tmp_path / "a.wav", made.chirp(0.2))))
    cut = made.picture(tmp_path / "cut.jpg", np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8))
    cut.write_bytes(cut.read_bytes()[:2000])
    with pytest.raises(DeviceError, match=r"cut\.jpg.*breaks off"):
        open_camera(_file(cut))


def test_a_video_that_breaks_off_is_no_end(tmp_path: Path) -> None:
    path = made.video(tmp_path / "a.mp4", 20, options={"movflags": "faststart"})
    data = path.read_bytes()
    at = data.index(b"mdat")
    path.write_bytes(data[: at + (len(data) - at) // 2])
    camera = VideoCamera(path, lambda: 0.0, start_s=-100.0)
    with pytest.raises(DeviceError, match=r"a\.mp4.*(breaks off|cannot be read)") as caught:
        _drain(camera)
    assert not isinstance(caught.value, EndOfMedia)


# Network


def test_http_gives_rgb_frames_in_order() -> None:
    with served() as server:
        camera = open_camera(Settings(source=server.url, timeout_s=2))
        assert isinstance(camera, OpenCVCamera)
        assert camera.still_is_frozen
        frames = [camera.read() for _ in range(10)]
        camera.close()
    assert all(f is not None and f.pixels.shape == (96, 128, 3) for f in frames)
    seen = [f for f in frames if f is not None]
    assert len({int(f.pixels[10, 10, 0]) for f in seen}) == 10
    assert np.abs(seen[0].pixels[80, 10].astype(int) - (20, 120, 220)).max() < 8
    times = [f.time_s for f in seen]
    assert times == sorted(times)
    assert abs(times[-1] - time.monotonic()) < 1


@pytest.mark.parametrize(("fault", "limit_s"), [("stall", 1.8), ("drop", 0.9)])
def test_http_that_breaks_off_in_a_picture(fault: str, limit_s: float) -> None:
    with served() as server:
        camera = open_camera(Settings(source=server.url, timeout_s=1))
        assert camera.read() is not None
        server.fault = fault
        began_s = time.monotonic()
        with pytest.raises(DeviceError, match="gives no more frames"):
            _drain(camera)
        assert time.monotonic() - began_s < limit_s
        began_s = time.monotonic()
        camera.close()
        assert time.monotonic() - began_s < 0.5


def test_a_password_is_not_said() -> None:
    with served() as server:
        server.fault = "refuse"
        address = server.url.replace("//", "//admin:s3cret@")
        with pytest.raises(DeviceError) as caught:
            open_camera(Settings(source=address, timeout_s=1))
        assert "s3cret" not in str(caught.value)
        assert server.url in str(caught.value)
        server.fault = ""
        camera = open_camera(Settings(source=address, timeout_s=1))
        assert camera.name == server.url
        camera.close()


def test_a_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        began_s = time.monotonic()
        with pytest.raises(DeviceError, match="no stream within 1 s"):
            open_camera(Settings(source=f"http://127.0.0.1:{mute.getsockname()[1]}/", timeout_s=1))
        assert 0.8 < time.monotonic() - began_s < 2.5


def test_rtsp_over_tcp(tmp_path: Path) -> None:
    with streamed(tmp_path) as server:
        camera = open_camera(Settings(source=server.url, timeout_s=3))
        frames = [camera.read() for _ in range(10)]
        assert all(f is not None and f.pixels.shape == (120, 160, 3) for f in frames)
        assert len({f.pixels.tobytes() for f in frames if f}) == 10
        assert "TCP" in server.transport, "asked for by OPENCV_FFMPEG_CAPTURE_OPTIONS"
        server.cut()
        with pytest.raises(DeviceError):
            _drain(camera)
        camera.close()


# Choice


def test_gstreamer_says_what_is_missing() -> None:
    if "GStreamer:                   YES" in cv2.getBuildInformation():
        pytest.skip("this OpenCV has GStreamer")
    with pytest.raises(DeviceError, match="OpenCV built with GStreamer"):
        open_camera(Settings(source="gstreamer:videotestsrc ! appsink"))


def test_gstreamer_where_opencv_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """No such OpenCV is here: a fake one, as a Jetson's answers."""
    asked: list[tuple[str, int]] = []

    def capture(pipeline: str, backend: int, limits: list[int]) -> Any:
        asked.append((pipeline, backend))
        assert limits[1::2] == [2000, 2000]
        return SimpleNamespace(isOpened=lambda: "appsink" in pipeline)

    monkeypatch.setattr(
        cv2, "getBuildInformation", lambda: "  Video I/O:\n    GStreamer:                   YES (1.20)\n"
    )
    monkeypatch.setattr(cv2, "VideoCapture", capture)
    assert open_camera(Settings(source="gstreamer:videotestsrc ! appsink", timeout_s=2)).name == "gstreamer"
    assert asked == [("videotestsrc ! appsink", cv2.CAP_GSTREAMER)]
    with pytest.raises(DeviceError, match="appsink drop=true"):
        open_camera(Settings(source="gstreamer:videotestsrc", timeout_s=2))


class FakeCapture:
    """cv2.VideoCapture as cap_v4l.cpp has it; `script` is what each grab gives."""

    opens: tuple[str, ...] = ()
    script: tuple[bool, ...] = (True,)
    opened: tuple[str, ...] = ()

    def __init__(self, name: str, backend: int) -> None:
        assert backend == cv2.CAP_V4L2
        self.name, self.asked, self.grabs, self.released = name, dict[int, float](), 0, False
        type(self).opened += (name,)

    def isOpened(self) -> bool:  # noqa: N802 - OpenCV's name
        return Path(self.name).name in self.opens

    def set(self, key: int, value: float) -> bool:
        self.asked[key] = value
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
    """A /dev of its own: two USB cameras with stable names, and a codec that is no camera."""
    monkeypatch.setattr(cameras, "_DEV", tmp_path)
    monkeypatch.setattr(cv2, "VideoCapture", FakeCapture)
    monkeypatch.setattr(FakeCapture, "opened", ())
    (tmp_path / "v4l/by-id").mkdir(parents=True)
    for number in (0, 1, 2, 10):
        (tmp_path / f"video{number}").touch()
    for name, number in (("usb-B-index0", 2), ("usb-A_HD-index0", 0), ("usb-A_HD-index1", 1)):
        (tmp_path / "v4l/by-id" / name).symlink_to(tmp_path / f"video{number}")
    return tmp_path


def test_auto_takes_the_first_usb_camera_that_opens(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "opens", ("video2",))
    camera = open_camera(Settings(width_px=800, height_px=600, fps=15))
    assert camera.name == str(dev / "v4l/by-id/usb-B-index0")
    assert [Path(name).name for name in FakeCapture.opened] == ["video0", "video2"], "index1 holds no pictures"
    frame = camera.read()
    assert frame is not None
    assert frame.pixels[0, 0].tolist() == [3, 2, 1], "OpenCV's blue, green, red is turned round"
    capture: Any = camera._capture  # type: ignore[attr-defined]
    assert capture.asked[cv2.CAP_PROP_FOURCC] == cv2.VideoWriter.fourcc(*"MJPG")
    assert [capture.asked[k] for k in (cv2.CAP_PROP_FRAME_WIDTH, cv2.CAP_PROP_FRAME_HEIGHT)] == [800, 600]
    camera.close()
    assert capture.released


def test_auto_falls_back_on_nodes_in_the_order_of_their_numbers(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in (dev / "v4l/by-id").iterdir():
        path.unlink()
    monkeypatch.setattr(FakeCapture, "opens", ("video10",))
    assert open_camera(Settings()).name == str(dev / "video10")
    assert [Path(name).name for name in FakeCapture.opened] == ["video0", "video1", "video2", "video10"]


def test_auto_says_where_it_looked(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DeviceError, match=r"picamera2.*by-id.*usb-A_HD-index0: does not open.*set camera\.source"):
        open_camera(Settings())
    monkeypatch.setattr(cameras, "_DEV", dev / "nothing")
    with pytest.raises(DeviceError, match=r"no camera found .*Plug one in"):
        open_camera(Settings())


def test_a_part_of_a_stable_name_is_enough(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FakeCapture, "opens", ("video0", "video2"))
    assert open_camera(Settings(source="usb-b")).name.endswith("usb-B-index0")
    with pytest.raises(DeviceError, match=r"'C920'; there are: usb-A_HD-index0, usb-B-index0"):
        open_camera(Settings(source="C920"))
    with pytest.raises(DeviceError, match="no such camera"):
        open_camera(Settings(source=str(dev / "video7")))


def test_a_grab_that_fails_is_tried_for_a_while(dev: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    with pytest.raises(DeviceError, match="gives no more frames"):
        camera.read()
    now_s = 50.0
    (dev / "video0").unlink()
    with pytest.raises(DeviceError, match="unplugged"):
        camera.read()


# picamera2 as its manual describes it: capture_request(wait=False) gives a job; RGB888 is BGR in memory, BGR888 RGB.


class FakePicamera2:
    cameras: tuple[dict[str, object], ...] = ({"Num": 0},)
    busy = False
    newest: Any = None

    @classmethod
    def global_camera_info(cls) -> list[dict[str, object]]:
        return list(cls.cameras)

    def __init__(self) -> None:
        if self.busy:
            raise RuntimeError("Camera __init__ sequence did not complete.")
        type(self).newest = self
        self.configuration: Any = None
        self.state, self.requests, self.jobs = "opened", list[Any](), list["Future[Any]"]()

    def create_video_configuration(self, **configuration: object) -> dict[str, object]:
        return configuration

    def configure(self, configuration: Any) -> None:
        self.configuration = configuration

    def start(self) -> None:
        self.state = "started"

    def capture_request(self, wait: bool) -> Any:
        assert wait is False
        self.jobs.append(Future())
        return SimpleNamespace(get_result=self.jobs[-1].result)

    def finish(self, stamp_ns: int | None) -> Any:
        request = SimpleNamespace(released=False)
        red_green_blue = (30, 20, 10)
        order = {"BGR888": red_green_blue, "RGB888": red_green_blue[::-1]}[self.configuration["main"]["format"]]
        request.make_array = lambda name: {"main": np.full((4, 6, 3), order, np.uint8)}[name]
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
    request = device.finish(time.clock_gettime_ns(time.CLOCK_BOOTTIME) - 40_000_000)
    frame = camera.read()
    assert len(device.jobs) == 1, "the request of before is the one that is waited for"
    assert frame is not None
    assert frame.pixels[0, 0].tolist() == [30, 20, 10]
    assert time.monotonic() - frame.time_s == pytest.approx(0.04, abs=0.03)
    assert request.released, "a request that is kept starves the camera"
    camera.close()
    assert device.state == "stopped closed"


def test_picamera2_without_a_stamp_is_now(fake: type[FakePicamera2]) -> None:
    camera = Picamera2Camera(Settings(), lambda: 77.0)
    for stamp_ns in (None, 5):
        camera.read()
        fake.newest.finish(stamp_ns)
        frame = camera.read()
        assert frame is not None
        assert frame.time_s == 77.0


def test_picamera2_faults(fake: type[FakePicamera2], monkeypatch: pytest.MonkeyPatch) -> None:
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
    assert fake.newest.state.endswith("closed"), "what does not start is let go"
    monkeypatch.setattr(fake, "cameras", ())
    with pytest.raises(DeviceError, match="sees no camera"):
        open_camera(Settings(source="picamera2"))


def test_picamera2_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "picamera2", None)
    with pytest.raises(DeviceError, match="apt install python3-picamera2"):
        open_camera(Settings(source="picamera2"))


@pytest.mark.parametrize("source", ["picamera2", "auto"])
def test_picamera2_beside_a_numpy_it_was_not_built_for(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Debian 12's simplejpeg ends an import with this very ValueError.
    broken = 'raise ValueError("numpy.dtype size changed, may indicate binary incompatibility")\n'
    (tmp_path / "picamera2.py").write_text(broken)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "picamera2", raising=False)
    with pytest.raises(DeviceError, match=r"numpy\.dtype size changed.*pip install 'simplejpeg>=1\.8'"):
        open_camera(Settings(source=source))

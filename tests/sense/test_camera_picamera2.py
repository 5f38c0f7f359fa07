"""picamera2 by a fake that behaves as its documentation says, for it runs on a Raspberry Pi only."""

import sys
import time
from concurrent.futures import Future
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from device.errors import DeviceError
from device.sense.camera import Picamera2Camera, open_camera
from device.settings import Camera as Settings


# As its manual describes it: capture_request(wait=False) gives a job; RGB888 is BGR in memory, BGR888 RGB.
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

"""Network cameras: real HTTP and RTSP streams, and how they break off."""

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from device.errors import DeviceError
from device.sense.camera import OpenCVCamera, open_camera
from device.settings import Camera as Settings
from tests.sense.helpers import drain
from tests.sense.mjpeg import served
from tests.sense.rtsp import streamed


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
            drain(camera)
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
            drain(camera)
        camera.close()

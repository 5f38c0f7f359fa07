"""Network cameras: real HTTP and RTSP streams, and how they fail."""

import socket
import time
from pathlib import Path

import numpy as np
import pytest

from device.errors import DeviceError
from device.ipc.messages import State
from device.sense.camera import OpenCVCamera, open_camera
from device.settings.schema import Camera as Settings
from tests.sense.fakes import Make, stage_of
from tests.sense.mjpeg import served
from tests.sense.rtsp import streamed
from tests.sense.waits import drain, until


def test_http_delivers_rgb_frames_in_order() -> None:
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
def test_http_that_stops_in_the_middle_of_a_picture(fault: str, limit_s: float) -> None:
    with served() as server:
        camera = open_camera(Settings(source=server.url, timeout_s=1))
        assert camera.read() is not None
        server.fault = fault
        began_s = time.monotonic()
        with pytest.raises(DeviceError, match="delivers no more frames"):
            drain(camera)
        assert time.monotonic() - began_s < limit_s
        began_s = time.monotonic()
        camera.close()
        assert time.monotonic() - began_s < 0.5


def test_a_password_is_not_shown() -> None:
    with served() as server:
        server.fault = "refuse"
        address = server.url.replace("//", "//admin:s3cret@")
        with pytest.raises(DeviceError) as caught:
            open_camera(Settings(source=address, timeout_s=1))
        assert "s3cret" not in str(caught.value)
        assert f"{server.url.removesuffix('/cam.mjpg')}: no stream" in str(caught.value)
        server.fault = ""
        camera = open_camera(Settings(source=address, timeout_s=1))
        assert camera.name == server.url.removesuffix("/cam.mjpg")
        camera.close()


_SECRET = "top5ecret"  # noqa: S105 - nobody's
_SHUT = "127.0.0.1:1"
"""A port where nobody listens, so that a connection fails at once."""


@pytest.mark.parametrize(
    "source",
    [
        *(f"{scheme}://anna5:{_SECRET}@{_SHUT}/live" for scheme in ("rtsp", "rtsps", "rtmp", "http", "https", "RTSP")),
        f"Http://{_SHUT}/v?usr=anna5&pwd={_SECRET}",
        f"rtsp://{_SHUT}/user=anna5_password={_SECRET}_channel=1.sdp",
        f"rtsp://{_SHUT}/live#{_SECRET}",
        f"rtsp://anna5:{_SECRET}@x@{_SHUT}/live",
        f"rtsp://anna5:x@{_SECRET}@{_SHUT}/live",
        f"rtsp://anna5:x@{_SECRET}/x@{_SHUT}/live",
        f"rtsp://{_SECRET}/x@{_SHUT}/live",
        f"rtsp://anna5:{_SECRET}/x@{_SHUT}/live",
        f"rtsp://anna5:{_SECRET}#x@{_SHUT}/live",
        f"rtsp://[anna5:{_SECRET}@{_SHUT}/live",
        f" rtsp://anna5:{_SECRET}@{_SHUT}/live",
        f"ftp://anna5:{_SECRET}@{_SHUT}/live",
        f"rtsp:/anna5:{_SECRET}@{_SHUT}/live",
        f"anna5:{_SECRET}@{_SHUT}",
        f"{_SHUT}/v?pwd={_SECRET}",
        f"//anna5:{_SECRET}@{_SHUT}/live",
        f"/rtsp://anna5:{_SECRET}@{_SHUT}/live",
    ],
)
def test_only_scheme_host_and_port_of_an_address_are_shown(
    source: str, camera: Make, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither in the error, which doctor shows, nor in the health, which hub and its page show, nor in the log."""
    with pytest.raises(DeviceError) as caught:
        open_camera(Settings(source=source, timeout_s=1))
    thread, _, _ = camera(caught.value)
    until(lambda: stage_of(thread).state is State.LOST and caplog.text)
    for text in (str(caught.value), stage_of(thread).detail, caplog.text):
        assert text
        for part in (_SECRET, "anna5", "live", "pwd"):
            assert part not in text


@pytest.mark.parametrize("scheme", ["rtsp", "rtmp", "http", "RTSP"])
def test_the_error_names_an_address_that_does_not_answer(scheme: str) -> None:
    with pytest.raises(DeviceError, match=f"^{scheme.lower()}://{_SHUT}: no stream within 1 s"):
        open_camera(Settings(source=f"{scheme}://anna5:{_SECRET}@{_SHUT}/live", timeout_s=1))


def test_an_upper_case_scheme_works() -> None:
    with served() as server:
        camera = open_camera(Settings(source=server.url.replace("http", "HTTP"), timeout_s=2))
        assert camera.read() is not None
        camera.close()


def test_a_silent_server_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began_s = time.monotonic()
        with pytest.raises(DeviceError, match="no stream within 1 s"):
            open_camera(Settings(source=f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout_s=1))
        assert 0.8 < time.monotonic() - began_s < 2.5


def test_rtsp_over_tcp(tmp_path: Path) -> None:
    with streamed(tmp_path) as server:
        camera = open_camera(Settings(source=server.url, timeout_s=3))
        frames = [camera.read() for _ in range(10)]
        assert all(f is not None and f.pixels.shape == (120, 160, 3) for f in frames)
        assert len({f.pixels.tobytes() for f in frames if f}) == 10
        assert "TCP" in server.transport, "set by OPENCV_FFMPEG_CAPTURE_OPTIONS"
        server.cut()
        with pytest.raises(DeviceError):
            drain(camera)
        camera.close()

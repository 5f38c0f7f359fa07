"""The camera thread: frozen and dark pictures, the wanted rate, and a network camera that misbehaves."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from device.ipc.messages import State
from device.readings import Frame
from device.sense.camera import open_camera
from device.sense.camera.thread import CameraThread, Latest
from device.settings.schema import Camera as CameraSettings
from tests.sense.fakes import Make, Scripted, live_frame, new_frame, noise, stage_of
from tests.sense.mjpeg import served
from tests.sense.waits import until


def test_an_unchanging_picture_is_frozen_and_the_camera_is_reopened(camera: Make) -> None:
    still = new_frame()
    first, second = Scripted(live_frame, still), Scripted(*[still] * 30, live_frame)
    thread, _, opened = camera(first, second, timeout_s=0.25)
    until(lambda: stage_of(thread).state is State.FROZEN)
    assert "same picture" in stage_of(thread).detail
    took_s = until(lambda: len(opened) == 2)
    assert 0.3 < took_s < 0.8, "after twice the timeout"
    assert first.closed.is_set()
    assert stage_of(thread).state is State.FROZEN, "it stays frozen until the picture moves"
    until(lambda: stage_of(thread).state is State.OK)


def test_a_picture_file_is_not_frozen(camera: Make) -> None:
    thread, _, opened = camera(Scripted(new_frame(), still_is_frozen=False), timeout_s=0.2)
    until(lambda: stage_of(thread).state is State.OK)
    time.sleep(0.7)
    assert stage_of(thread).state is State.OK
    assert len(opened) == 1


def _night(lamp: bool = False) -> Callable[[], Frame]:
    """A sensor at its highest gain with a covered lens, or with a lamp at the end of the room."""
    random = np.random.default_rng(0)

    def shot() -> Frame:
        pixels = np.clip(random.normal(9, 5, (480, 640, 3)), 0, 255).astype(np.uint8)
        if lamp:
            pixels[100:160, 300:360] = 220
        return Frame(pixels, time.monotonic())

    return shot


def test_a_covered_lens_is_dark_until_it_is_uncovered(camera: Make) -> None:
    thread, _, opened = camera(Scripted(*[_night()] * 40, _night(lamp=True)), timeout_s=0.3)
    until(lambda: stage_of(thread).state is State.DARK)
    assert "in front of the lens" in stage_of(thread).detail
    until(lambda: stage_of(thread).state is State.OK)
    assert len(opened) == 1, "nothing is wrong with the device"


@pytest.mark.parametrize(
    ("device_fps", "wanted", "minimum", "maximum"), [(30, 10, 10, 11), (10, 10, 20, 20), (30, 7, 7, 8)]
)
def test_the_wanted_rate(device_fps: int, wanted: float, minimum: int, maximum: int) -> None:
    latest = Latest()
    thread = CameraThread(lambda: None, latest, 1, wanted_fps=wanted)  # type: ignore[arg-type, return-value]
    seconds = 2 if device_fps == 10 else 1
    jitter_s = noise.uniform(-0.005, 0.005, device_fps * seconds)
    taken = [thread._is_due(100 + i / device_fps + j) for i, j in enumerate(jitter_s)]
    assert minimum <= sum(taken) <= maximum


def test_the_wanted_rate_can_change_and_skipped_frames_do_not_count_as_dropped(camera: Make) -> None:
    device = Scripted(live_frame)
    thread, latest, _ = camera(device, fps=0.1)
    assert latest.get(1) is not None
    time.sleep(0.3)
    assert device.count > 10, "the device is still read"
    assert latest.get(0) is None
    assert stage_of(thread).dropped == 0
    assert stage_of(thread).state is State.OK
    thread.wanted_fps = 50
    assert latest.get(0.5) is not None


# -- a real HTTP camera


@pytest.mark.parametrize("fault", ["stall", "drop"])
def test_a_network_camera_comes_back(fault: str, started: Callable[[CameraThread], None]) -> None:
    with served() as server:
        settings, latest = CameraSettings(source=server.url, timeout_s=1), Latest()
        thread = CameraThread(lambda: open_camera(settings), latest, 1.0, wanted_fps=1000)
        started(thread)
        until(lambda: stage_of(thread).state is State.OK)
        server.fault = fault
        until(lambda: stage_of(thread).state is State.LOST)
        latest.clear()
        server.fault = "refuse"
        time.sleep(0.2)
        assert stage_of(thread).state is State.LOST
        server.fault = ""
        until(lambda: stage_of(thread).state is State.OK)
        frames = [latest.get(1) for _ in range(8)]
        assert len({int(f.pixels[10, 10, 0]) for f in frames if f}) == 8


def test_a_network_camera_whose_pictures_change_size_keeps_working(started: Callable[[CameraThread], None]) -> None:
    with served() as server:
        settings, latest = CameraSettings(source=server.url, timeout_s=1), Latest()
        thread = CameraThread(lambda: open_camera(settings), latest, 1.0, wanted_fps=1000)
        started(thread)
        for scale in (1, 2, 1, 3):  # OpenCV keeps the size of the first picture
            server.scale = scale
            time.sleep(0.5)
            latest.clear()
            frames = [latest.get(1) for _ in range(8)]
            assert {frame.pixels.shape for frame in frames if frame} == {(96, 128, 3)}
            assert len({int(frame.pixels[10, 10, 0]) for frame in frames if frame}) == 8, "live pictures"
        assert stage_of(thread).state is State.OK


def test_a_network_camera_that_repeats_its_picture_is_frozen(started: Callable[[CameraThread], None]) -> None:
    with served() as server:
        server.same = True
        settings = CameraSettings(source=server.url, timeout_s=1)
        thread = CameraThread(lambda: open_camera(settings), Latest(), 0.4)
        started(thread)
        until(lambda: stage_of(thread).state is State.FROZEN)
        until(lambda: server.connections > 1)
        server.same = False
        until(lambda: stage_of(thread).state is State.OK)

"""The thread of a device that is switched off, and on again."""

import threading
import time
from collections.abc import Callable

from device.ipc.messages import State
from device.readings import Frame
from device.sense.camera import Camera
from device.sense.camera.thread import CameraThread, Latest
from tests.sense.fakes import Make, Scripted, live_frame, stage_of
from tests.sense.waits import until


def test_off_closes_the_device_and_drops_its_frames(camera: Make) -> None:
    first, second = Scripted(live_frame), Scripted(live_frame)
    thread, latest, opened = camera(first, second)
    until(lambda: stage_of(thread).state is State.OK)
    thread.set_on(False)
    assert until(first.closed.is_set) < 0.5
    until(lambda: stage_of(thread).state is State.OFF, 0.5)
    assert latest.get(0.2) is None
    assert len(opened) == 1
    thread.set_on(True)
    thread.set_on(True)
    assert latest.get(1) is not None
    until(lambda: stage_of(thread).state is State.OK)
    assert len(opened) == 2


def test_a_read_in_progress_leaves_no_frame(camera: Make) -> None:
    go_on = threading.Event()

    def late() -> Frame:
        go_on.wait(5)
        return live_frame()

    device = Scripted(live_frame, late)
    thread, latest, _ = camera(device)
    until(lambda: device.count == 2)
    thread.set_on(False)
    put: list[Frame] = []
    latest.put = put.append  # type: ignore[method-assign, assignment]
    go_on.set()
    until(lambda: stage_of(thread).state is State.OFF)
    until(lambda: thread._sample is None)
    assert put == [], "not even for a moment"
    assert latest.get(0) is None


def test_a_thread_can_start_switched_off(camera: Make) -> None:
    thread, _, opened = camera(Scripted(live_frame), on=False)
    time.sleep(0.1)
    assert stage_of(thread).state is State.OFF
    assert not opened
    thread.set_on(True)
    until(lambda: stage_of(thread).state is State.OK)


def test_off_is_reported_only_once_the_driver_has_closed(camera: Make) -> None:
    slow, go_on = Scripted(live_frame), threading.Event()
    slow.closing = lambda: go_on.wait(5)
    thread, _, _ = camera(slow, close_s=0.1)
    until(lambda: stage_of(thread).state is State.OK)
    thread.set_on(False)
    time.sleep(0.3)
    assert (stage_of(thread).state, stage_of(thread).detail) == (State.LOST, "it is being closed")
    assert time.monotonic() - thread.beat_s < 0.6, "the thread itself keeps running"
    go_on.set()
    until(lambda: stage_of(thread).state is State.OFF, 1)


def test_off_during_a_slow_opening(started: Callable[[CameraThread], None]) -> None:
    go_on, device = threading.Event(), Scripted(live_frame)

    def opener() -> Camera:
        go_on.wait(5)
        return device  # type: ignore[return-value]

    latest = Latest()
    thread = CameraThread(opener, latest, 0.3)
    started(thread)
    until(lambda: stage_of(thread).state is State.LOST)
    thread.set_on(False)
    assert stage_of(thread).state is not State.OFF, "it may still open"
    go_on.set()
    assert until(device.closed.is_set) < 0.5
    until(lambda: stage_of(thread).state is State.OFF)
    assert latest.get(0) is None
    assert device.count == 0

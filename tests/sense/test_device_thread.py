"""The thread of a device that fails, blocks or delivers nothing."""

import logging
import threading
import time

import numpy as np
import pytest

from device.errors import DeviceError
from device.ipc.messages import State
from tests.sense.fakes import Make, Scripted, live_frame, stage_of
from tests.sense.waits import until


def test_frames_arrive_and_the_stage_is_ok(camera: Make) -> None:
    slow = threading.Event()

    class Slow(Scripted):
        def read(self) -> object:
            slow.wait(2)
            return super().read()

    thread, latest, _ = camera(Slow(live_frame), timeout_s=3)
    until(lambda: thread._device is not None)
    assert stage_of(thread).state is State.STARTING
    slow.set()
    frame = latest.get(1)
    assert frame is not None
    assert stage_of(thread).state is State.OK
    assert stage_of(thread).detail == ""
    until(lambda: stage_of(thread).rate_hz > 5)
    until(lambda: stage_of(thread).dropped > 5)
    assert time.monotonic() - thread.beat_s < 0.3


def test_a_failed_opening_is_reported_and_retried(camera: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fault = DeviceError("/dev/x: unplugged; plug it in")
    thread, latest, opened = camera(fault, fault, fault, Scripted(live_frame))
    until(lambda: len(opened) == 2)
    stage = stage_of(thread)
    assert (stage.state, stage.detail) == (State.LOST, "/dev/x: unplugged; plug it in")
    assert latest.get(3) is not None
    until(lambda: stage_of(thread).state is State.OK)
    assert len(opened) == 4
    lines = [record.getMessage() for record in caplog.records]
    assert sum("unplugged" in line for line in lines) == 1, "once, not on every attempt"
    assert lines[-1] == "camera: works again"


def test_backoff_grows(camera: Make) -> None:
    times: list[float] = []

    class CountedError(DeviceError):
        def __str__(self) -> str:
            times.append(time.monotonic())
            return "no"

    thread, _, opened = camera(CountedError(), backoff_s=(0.05, 0.3))
    until(lambda: len(opened) >= 4)
    thread.stop()
    steps = np.diff(times[:4])
    assert 0.04 < steps[0] < 0.2
    assert 0.28 < steps[1] < 0.5
    assert 0.28 < steps[2] < 0.5


def test_a_device_that_fails_is_closed_and_reopened(camera: Make) -> None:
    first, second = Scripted(live_frame, live_frame, DeviceError("gone")), Scripted(live_frame)
    thread, _, opened = camera(first, second)
    until(lambda: len(opened) == 2 and stage_of(thread).state is State.OK)
    assert first.closed.is_set()
    assert not second.closed.is_set()


@pytest.mark.parametrize("error", [ValueError("secret pixels"), OSError(5, "secret"), MemoryError("secret")])
def test_the_thread_survives_any_exception_and_does_not_log_its_text(
    camera: Make, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    thread, latest, opened = camera(Scripted(live_frame, error), DeviceError("second"), Scripted(live_frame))
    until(lambda: stage_of(thread).state is State.LOST)
    assert type(error).__name__ in stage_of(thread).detail or stage_of(thread).detail == "second"
    latest.get(0)
    assert latest.get(3) is not None
    assert len(opened) == 3
    assert type(error).__name__ in caplog.text
    assert "secret" not in caplog.text


def test_the_thread_survives_an_exception_while_closing(camera: Make, caplog: pytest.LogCaptureFixture) -> None:
    bad = Scripted(DeviceError("gone"))
    bad.closing = lambda: 1 / 0
    thread, _, opened = camera(bad, Scripted(live_frame))
    until(lambda: len(opened) == 2 and stage_of(thread).state is State.OK)
    assert "closing it raised ZeroDivisionError" in caplog.text
    assert thread.is_alive()


def test_a_blocked_read_shows_as_lost_and_blocks_nobody_else(camera: Make) -> None:
    stuck = threading.Event()
    thread, latest, _ = camera(Scripted(live_frame, lambda: stuck.wait(10)))
    assert latest.get(1) is not None
    assert until(lambda: stage_of(thread).state is State.LOST) < 0.6
    assert "no data" in stage_of(thread).detail
    assert time.monotonic() - thread.beat_s > 0.25, "the heartbeat shows it, too"
    began_s = time.monotonic()
    thread.set_on(False)
    assert time.monotonic() - began_s < 0.1
    assert stage_of(thread).state is State.LOST, "not OFF until it is closed"
    began_s = time.monotonic()
    thread.stop(0.2)
    assert time.monotonic() - began_s < 0.5
    stuck.set()


def test_a_device_that_delivers_nothing_is_reopened(camera: Make) -> None:
    mute = Scripted(live_frame, None)
    thread, _, opened = camera(mute, Scripted(live_frame))
    until(lambda: len(opened) == 2)
    assert mute.closed.is_set()
    until(lambda: stage_of(thread).state is State.OK)

"""The threads of the devices: over scripted devices, a real HTTP camera that misbehaves, files, and PulseAudio."""

import itertools
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from device.emotions import Floats
from device.errors import DeviceError, EndOfMedia
from device.link import Stage, State
from device.readings import Frame
from device.sense import device_thread
from device.sense.camera import Camera, open_camera
from device.sense.capture import CameraThread, Latest, MicrophoneThread, SoundRing
from device.sense.device_thread import DeviceThread
from device.sense.microphone import Microphone, open_microphone
from device.sense.sound.framing import HOP
from device.settings import Camera as CameraSettings
from device.settings import Microphone as MicrophoneSettings
from tests.conftest import Pulse
from tests.sense import made
from tests.sense.mjpeg import served

_noise = np.random.default_rng(3)


def _frame(time_s: float = 0.0) -> Frame:
    return Frame(_noise.integers(0, 255, (48, 64, 3), np.uint8), time_s)


def _until(what: Callable[[], bool], limit_s: float = 4.0) -> float:
    """Seconds until `what` holds; fails after `limit_s`."""
    began_s = time.monotonic()
    while not what():
        assert time.monotonic() - began_s < limit_s, "it did not come"
        time.sleep(0.01)
    return time.monotonic() - began_s


# The slot and the ring


def test_latest_keeps_the_newest_and_counts_what_it_replaces() -> None:
    latest = Latest()
    assert latest.get(0) is None
    frames = [_frame(t) for t in (1.0, 2.0, 3.0)]
    for frame in frames:
        latest.put(frame)
    assert latest.dropped == 2
    assert latest.get(0) is frames[2]
    assert latest.get(0) is None, "taken out"
    latest.put(frames[0])
    assert latest.dropped == 2, "what was taken is not dropped"
    latest.clear()
    assert latest.get(0) is None
    assert latest.dropped == 2


def test_latest_wakes_who_waits() -> None:
    latest, frame = Latest(), _frame()
    threading.Timer(0.1, latest.put, (frame,)).start()
    began_s = time.monotonic()
    assert latest.get(2.0) is frame
    assert 0.05 < time.monotonic() - began_s < 1.0
    began_s = time.monotonic()
    assert latest.get(0.1) is None
    assert time.monotonic() - began_s >= 0.09


def _blocks(total: int, sizes: tuple[int, ...]) -> Iterator[Floats]:
    everything = np.arange(total, dtype=np.float32)
    at = 0
    for size in itertools.cycle(sizes):
        if at >= total:
            return
        yield everything[at : at + size]
        at += size


@pytest.mark.parametrize("sizes", [(512,), (16_000,), (1, 7, 4096), (50_000,), (48_000,)])
def test_ring_holds_the_last_three_seconds_in_order(sizes: tuple[int, ...]) -> None:
    ring = SoundRing()
    assert ring.window() is None
    pushed = 0
    for block in _blocks(3 * 48_000 + 11, sizes):
        pushed += len(block)
        ring.push(block, pushed / 16_000)
    window = ring.window()
    assert window is not None
    assert window.samples.dtype == np.float32
    assert np.array_equal(window.samples, np.arange(window.at, pushed, dtype=np.float32))
    assert window.at % HOP == 0, "windows have their frames in common"
    assert 48_000 - HOP < len(window.samples) <= 48_000
    assert window.end_s == pushed / 16_000
    window.samples[:] = -1
    again = ring.window()
    assert again is not None
    assert again.samples[0] == window.at, "a copy"


def test_ring_that_is_not_full_yet_and_pauses() -> None:
    ring = SoundRing()
    ring.push(np.ones(1000, np.float32), 10.0)
    ring.push(np.full(600, 2, np.float32), 10.3)
    window = ring.window()
    assert window is not None
    assert len(window.samples) == 1600
    ring.push(np.full(160, 3, np.float32), 12.0)
    window = ring.window()
    assert window is not None
    assert window.samples.tolist() == [3] * 160, "what was before a pause is not heard as one with what is after it"


@pytest.mark.parametrize("sizes", [(800,), (1, 7, 4096), (557,)])
def test_windows_of_one_stream_begin_whole_hops_apart_and_say_where(sizes: tuple[int, ...]) -> None:
    ring, pushed = SoundRing(), 0
    for block in _blocks(100_000, sizes):
        pushed += len(block)
        ring.push(block, pushed / 16_000)
        window = ring.window()
        assert window is None or (window.at % HOP == 0 and window.samples[0] == window.at)
        assert window is None or window.samples[-1] == pushed - 1, "to the newest sample"


def test_ring_forgets_the_samples_themselves() -> None:
    ring = SoundRing()
    ring.push(np.ones(9000, np.float32), 1.0)
    ring.clear()
    assert ring.window() is None
    assert not ring._samples.any()


# Scripted devices


class Scripted:
    """A camera or microphone whose reads are told one by one; the last is repeated."""

    name = "scripted"

    def __init__(self, *reads: object, still_is_frozen: bool = True, step_s: float = 0.01) -> None:
        self.reads, self.still_is_frozen, self.step_s = reads, still_is_frozen, step_s
        self.count = self.overflows = 0
        self.closed = threading.Event()
        self.closing: Callable[[], object] = lambda: None

    def read(self) -> object:
        time.sleep(self.step_s)
        given = self.reads[min(self.count, len(self.reads) - 1)]
        self.count += 1
        if isinstance(given, Exception):
            raise given
        return given() if callable(given) else given

    def close(self) -> None:
        self.closing()
        self.closed.set()


def _live() -> Frame:
    return _frame(time.monotonic())


def _loud() -> tuple[Floats, float]:
    return np.full(160, 0.1, np.float32), time.monotonic()


Start = Callable[..., CameraThread]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_thread, "BACKOFF_S", (0.1, 0.15))


@pytest.fixture
def started() -> Iterator[Callable[[DeviceThread[Camera] | DeviceThread[Microphone]], None]]:
    """Starts threads, and stops them after the test."""
    threads: list[DeviceThread[Camera] | DeviceThread[Microphone]] = []

    def start(thread: DeviceThread[Camera] | DeviceThread[Microphone]) -> None:
        threads.append(thread)
        thread.start()

    yield start
    for thread in threads:
        thread.stop(0.5)


@pytest.fixture
def camera(started: Callable[[CameraThread], None]) -> Callable[..., tuple[CameraThread, Latest, list[object]]]:
    """A thread over these devices, one an opening; an exception is an opening that fails. With what was opened."""

    def make(*devices: object, timeout_s: float = 0.3, fps: float = 1000, on: bool = True):  # type: ignore[no-untyped-def] # noqa: ANN202
        opened: list[object] = []

        def opener() -> Camera:
            device = devices[min(len(opened), len(devices) - 1)]
            opened.append(device)
            if isinstance(device, Exception):
                raise device
            return device  # type: ignore[return-value]

        latest = Latest()
        thread = CameraThread(opener, latest, timeout_s, wanted_fps=fps, on=on)
        started(thread)
        return thread, latest, opened

    return make


def _stage(thread: DeviceThread[Camera] | DeviceThread[Microphone]) -> Stage:
    return thread.stage(time.monotonic())


Make = Callable[..., tuple[CameraThread, Latest, list[object]]]


def test_frames_come_and_the_stage_is_well(camera: Make) -> None:
    slow = threading.Event()

    class Slow(Scripted):
        def read(self) -> object:
            slow.wait(2)
            return super().read()

    thread, latest, _ = camera(Slow(_live), timeout_s=3)
    _until(lambda: thread._device is not None)
    assert _stage(thread).state is State.STARTING
    slow.set()
    frame = latest.get(1)
    assert frame is not None
    assert _stage(thread).state is State.OK
    assert _stage(thread).detail == ""
    _until(lambda: _stage(thread).rate_hz > 5)
    _until(lambda: _stage(thread).dropped > 5)
    assert time.monotonic() - thread.beat_s < 0.3


def test_a_failed_opening_is_said_and_tried_again(camera: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    fault = DeviceError("/dev/x: unplugged; plug it in")
    thread, latest, opened = camera(fault, fault, fault, Scripted(_live))
    _until(lambda: len(opened) == 2)
    stage = _stage(thread)
    assert (stage.state, stage.detail) == (State.LOST, "/dev/x: unplugged; plug it in")
    assert latest.get(3) is not None
    _until(lambda: _stage(thread).state is State.OK)
    assert len(opened) == 4
    lines = [record.getMessage() for record in caplog.records]
    assert sum("unplugged" in line for line in lines) == 1, "once, not with every try"
    assert lines[-1] == "camera: works again"


def test_backoff_grows(camera: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_thread, "BACKOFF_S", (0.05, 0.3))
    times: list[float] = []

    class NotedError(DeviceError):
        def __str__(self) -> str:
            times.append(time.monotonic())
            return "no"

    thread, _, opened = camera(NotedError())
    _until(lambda: len(opened) >= 4)
    thread.stop()
    steps = np.diff(times[:4])
    assert 0.04 < steps[0] < 0.2
    assert 0.28 < steps[1] < 0.5
    assert 0.28 < steps[2] < 0.5


def test_a_device_that_fails_is_closed_and_opened_again(camera: Make) -> None:
    first, second = Scripted(_live, _live, DeviceError("gone")), Scripted(_live)
    thread, _, opened = camera(first, second)
    _until(lambda: len(opened) == 2 and _stage(thread).state is State.OK)
    assert first.closed.is_set()
    assert not second.closed.is_set()


@pytest.mark.parametrize("error", [ValueError("secret pixels"), OSError(5, "secret"), MemoryError("secret")])
def test_any_exception_is_outlived_and_named_without_its_text(
    camera: Make, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    thread, latest, opened = camera(Scripted(_live, error), DeviceError("second"), Scripted(_live))
    _until(lambda: _stage(thread).state is State.LOST)
    assert type(error).__name__ in _stage(thread).detail or _stage(thread).detail == "second"
    latest.get(0)
    assert latest.get(3) is not None
    assert len(opened) == 3
    assert type(error).__name__ in caplog.text
    assert "secret" not in caplog.text


def test_an_exception_in_closing_is_outlived(camera: Make, caplog: pytest.LogCaptureFixture) -> None:
    bad = Scripted(DeviceError("gone"))
    bad.closing = lambda: 1 / 0
    thread, _, opened = camera(bad, Scripted(_live))
    _until(lambda: len(opened) == 2 and _stage(thread).state is State.OK)
    assert "closing it raised ZeroDivisionError" in caplog.text
    assert thread.is_alive()


def test_a_blocked_read_shows_as_lost_and_holds_up_nobody(camera: Make) -> None:
    stuck = threading.Event()
    thread, latest, _ = camera(Scripted(_live, lambda: stuck.wait(10)))
    assert latest.get(1) is not None
    assert _until(lambda: _stage(thread).state is State.LOST) < 0.6
    assert "nothing came" in _stage(thread).detail
    assert time.monotonic() - thread.beat_s > 0.25, "the heartbeat tells it too"
    began_s = time.monotonic()
    thread.set_on(False)
    assert time.monotonic() - began_s < 0.1
    assert _stage(thread).state is State.LOST, "not OFF before it is closed"
    began_s = time.monotonic()
    thread.stop(0.2)
    assert time.monotonic() - began_s < 0.5
    stuck.set()


def test_a_device_that_answers_and_gives_nothing_is_opened_again(camera: Make) -> None:
    mute = Scripted(_live, None)
    thread, _, opened = camera(mute, Scripted(_live))
    _until(lambda: len(opened) == 2)
    assert mute.closed.is_set()
    _until(lambda: _stage(thread).state is State.OK)


def test_off_closes_and_forgets(camera: Make) -> None:
    first, second = Scripted(_live), Scripted(_live)
    thread, latest, opened = camera(first, second)
    _until(lambda: _stage(thread).state is State.OK)
    thread.set_on(False)
    assert _until(first.closed.is_set) < 0.5
    _until(lambda: _stage(thread).state is State.OFF, 0.5)
    assert latest.get(0.2) is None
    assert len(opened) == 1
    thread.set_on(True)
    thread.set_on(True)
    assert latest.get(1) is not None
    _until(lambda: _stage(thread).state is State.OK)
    assert len(opened) == 2


def test_a_read_under_way_leaves_nothing_behind(camera: Make) -> None:
    go_on = threading.Event()

    def late() -> Frame:
        go_on.wait(5)
        return _live()

    device = Scripted(_live, late)
    thread, latest, _ = camera(device)
    _until(lambda: device.count == 2)
    thread.set_on(False)
    put: list[Frame] = []
    latest.put = put.append  # type: ignore[method-assign, assignment]
    go_on.set()
    _until(lambda: _stage(thread).state is State.OFF)
    _until(lambda: thread._seen is None)
    assert put == [], "not even for a moment"
    assert latest.get(0) is None


def test_a_thread_begins_off(camera: Make) -> None:
    thread, _, opened = camera(Scripted(_live), on=False)
    time.sleep(0.1)
    assert _stage(thread).state is State.OFF
    assert not opened
    thread.set_on(True)
    _until(lambda: _stage(thread).state is State.OK)


def test_off_is_said_only_when_the_driver_has_let_go(camera: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_thread, "_CLOSING_S", 0.1)
    slow, go_on = Scripted(_live), threading.Event()
    slow.closing = lambda: go_on.wait(5)
    thread, _, _ = camera(slow)
    _until(lambda: _stage(thread).state is State.OK)
    thread.set_on(False)
    time.sleep(0.3)
    assert (_stage(thread).state, _stage(thread).detail) == (State.LOST, "it is being closed")
    assert time.monotonic() - thread.beat_s < 0.6, "the thread itself goes on"
    go_on.set()
    _until(lambda: _stage(thread).state is State.OFF, 1)


def test_off_during_a_slow_opening(started: Callable[[CameraThread], None]) -> None:
    go_on, device = threading.Event(), Scripted(_live)

    def opener() -> Camera:
        go_on.wait(5)
        return device  # type: ignore[return-value]

    latest = Latest()
    thread = CameraThread(opener, latest, 0.3)
    started(thread)
    _until(lambda: _stage(thread).state is State.LOST)
    thread.set_on(False)
    assert _stage(thread).state is not State.OFF, "it may yet open"
    go_on.set()
    assert _until(device.closed.is_set) < 0.5
    _until(lambda: _stage(thread).state is State.OFF)
    assert latest.get(0) is None
    assert device.count == 0


def test_the_same_picture_is_frozen_and_opened_again(camera: Make) -> None:
    still = _frame()
    first, second = Scripted(_live, still), Scripted(*[still] * 30, _live)
    thread, _, opened = camera(first, second, timeout_s=0.25)
    _until(lambda: _stage(thread).state is State.FROZEN)
    assert "same picture" in _stage(thread).detail
    took_s = _until(lambda: len(opened) == 2)
    assert 0.3 < took_s < 0.8, "after twice the time-out"
    assert first.closed.is_set()
    assert _stage(thread).state is State.FROZEN, "no relief before the picture moves"
    _until(lambda: _stage(thread).state is State.OK)


def test_a_still_source_is_not_frozen(camera: Make) -> None:
    thread, _, opened = camera(Scripted(_frame(), still_is_frozen=False), timeout_s=0.2)
    _until(lambda: _stage(thread).state is State.OK)
    time.sleep(0.7)
    assert _stage(thread).state is State.OK
    assert len(opened) == 1


def _night(lamp: bool = False) -> Callable[[], Frame]:
    """A sensor at its highest gain, with something in front of its lens; or with a lamp at the end of the room."""
    random = np.random.default_rng(0)

    def shot() -> Frame:
        pixels = np.clip(random.normal(9, 5, (480, 640, 3)), 0, 255).astype(np.uint8)
        if lamp:
            pixels[100:160, 300:360] = 220
        return Frame(pixels, time.monotonic())

    return shot


def test_a_covered_lens_is_dark_and_sees_again_when_it_is_uncovered(camera: Make) -> None:
    thread, _, opened = camera(Scripted(*[_night()] * 40, _night(lamp=True)), timeout_s=0.3)
    _until(lambda: _stage(thread).state is State.DARK)
    assert "in front of the lens" in _stage(thread).detail
    _until(lambda: _stage(thread).state is State.OK)
    assert len(opened) == 1, "there is nothing wrong with the device"


@pytest.mark.parametrize(("device_fps", "wanted", "least", "most"), [(30, 10, 10, 11), (10, 10, 20, 20), (30, 7, 7, 8)])
def test_the_wanted_rate(device_fps: int, wanted: float, least: int, most: int) -> None:
    latest = Latest()
    thread = CameraThread(lambda: None, latest, 1, wanted_fps=wanted)  # type: ignore[arg-type, return-value]
    seconds = 2 if device_fps == 10 else 1
    jitter_s = _noise.uniform(-0.005, 0.005, device_fps * seconds)
    taken = [thread._due(100 + i / device_fps + j) for i, j in enumerate(jitter_s)]
    assert least <= sum(taken) <= most


def test_the_wanted_rate_may_change_and_what_is_let_go_is_not_dropped(camera: Make) -> None:
    device = Scripted(_live)
    thread, latest, _ = camera(device, fps=0.1)
    assert latest.get(1) is not None
    time.sleep(0.3)
    assert device.count > 10, "the device is read all the same"
    assert latest.get(0) is None
    assert _stage(thread).dropped == 0
    assert _stage(thread).state is State.OK
    thread.wanted_fps = 50
    assert latest.get(0.5) is not None


def test_the_end_of_a_file(camera: Make) -> None:
    device = Scripted(_live, EndOfMedia("a.mp4: played to its end"))
    thread, _, opened = camera(device)
    assert thread.ended.wait(1)
    _until(device.closed.is_set)
    _until(lambda: _stage(thread).state is State.OFF)
    assert "end" in _stage(thread).detail
    time.sleep(0.3)
    assert len(opened) == 1
    assert thread.is_alive()


def _hears(started: Callable[[MicrophoneThread], None], *devices: Scripted) -> tuple[MicrophoneThread, SoundRing]:
    queue, ring = iter(devices), SoundRing()
    thread = MicrophoneThread(lambda: next(queue), ring, 0.3)  # type: ignore[arg-type, return-value]
    started(thread)
    return thread, ring


def test_sound_reaches_the_ring_and_off_empties_it(started: Callable[[MicrophoneThread], None]) -> None:
    thread, ring = _hears(started, Scripted(_loud), Scripted(_loud))
    _until(lambda: ring.window() is not None)
    assert _stage(thread).state is State.OK
    thread.set_on(False)
    assert ring.window() is None
    _until(lambda: _stage(thread).state is State.OFF, 0.5)
    assert ring.window() is None


def test_overflows_are_counted_over_openings(started: Callable[[MicrophoneThread], None]) -> None:
    first, second = Scripted(_loud, _loud, DeviceError("gone")), Scripted(_loud)
    first.overflows, second.overflows = 3, 4
    thread, _ = _hears(started, first, second)
    _until(lambda: _stage(thread).dropped == 7)
    time.sleep(0.1)
    assert _stage(thread).dropped == 7


def test_zeros_are_silence_and_the_quietest_noise_is_not(started: Callable[[MicrophoneThread], None]) -> None:
    zeros = (np.zeros(160, np.float32), 1.0)
    quiet = np.zeros(160, np.float32)
    quiet[80] = 1 / 32768
    first, second = Scripted(_loud, zeros), Scripted((quiet, 1.0))
    thread, _ = _hears(started, first, second)
    _until(lambda: _stage(thread).state is State.FROZEN)
    assert "silent" in _stage(thread).detail
    _until(lambda: _stage(thread).state is State.OK)
    assert first.closed.is_set()
    time.sleep(0.5)
    assert _stage(thread).state is State.OK
    quiet_file, _ = _hears(started, Scripted(zeros, still_is_frozen=False))
    time.sleep(0.6)
    assert _stage(quiet_file).state is State.OK


def test_a_microphone_that_is_far_too_loud_is_said_and_a_slammed_door_is_not(
    started: Callable[[MicrophoneThread], None],
) -> None:
    second = np.sin(np.arange(16_000) / 16_000 * 2 * np.pi * 180).astype(np.float32)
    blocks = [second[i : i + 160] for i in range(0, 16_000, 160)]
    door = np.where(np.arange(16_000) < 320, 1.0, 0.05 * second).astype(np.float32)
    slammed = [(door[i : i + 160], 1.0) for i in range(0, 16_000, 160)]
    quiet, _ = _hears(started, Scripted(*slammed, (0.05 * blocks[0], 1.0)))
    loud, _ = _hears(started, Scripted(*[(np.clip(3 * block, -1, 1), 1.0) for block in blocks] * 3, _loud))
    _until(lambda: _stage(loud).state is State.CLIPPED)
    assert "level down" in _stage(loud).detail
    assert _stage(quiet).state is State.OK
    _until(lambda: _stage(loud).state is State.OK, 12)


# Real ones


@pytest.mark.parametrize("fault", ["stall", "drop"])
def test_a_network_camera_comes_back(fault: str, started: Callable[[CameraThread], None]) -> None:
    with served() as server:
        settings, latest = CameraSettings(source=server.url, timeout_s=1), Latest()
        thread = CameraThread(lambda: open_camera(settings), latest, 1.0, wanted_fps=1000)
        started(thread)
        _until(lambda: _stage(thread).state is State.OK)
        server.fault = fault
        _until(lambda: _stage(thread).state is State.LOST)
        latest.clear()
        server.fault = "refuse"
        time.sleep(0.2)
        assert _stage(thread).state is State.LOST
        server.fault = ""
        _until(lambda: _stage(thread).state is State.OK)
        frames = [latest.get(1) for _ in range(8)]
        assert len({int(f.pixels[10, 10, 0]) for f in frames if f}) == 8


def test_a_network_camera_whose_pictures_change_size_goes_on(started: Callable[[CameraThread], None]) -> None:
    with served() as server:
        settings, latest = CameraSettings(source=server.url, timeout_s=1), Latest()
        thread = CameraThread(lambda: open_camera(settings), latest, 1.0, wanted_fps=1000)
        started(thread)
        for times in (1, 2, 1, 3):  # OpenCV goes on in the size that it opened with
            server.times = times
            time.sleep(0.5)
            latest.clear()
            frames = [latest.get(1) for _ in range(8)]
            assert {frame.pixels.shape for frame in frames if frame} == {(96, 128, 3)}
            assert len({int(frame.pixels[10, 10, 0]) for frame in frames if frame}) == 8, "live pictures"
        assert _stage(thread).state is State.OK


def test_a_network_camera_that_repeats_itself_is_frozen(started: Callable[[CameraThread], None]) -> None:
    with served() as server:
        server.same = True
        settings = CameraSettings(source=server.url, timeout_s=1)
        thread = CameraThread(lambda: open_camera(settings), Latest(), 0.4)
        started(thread)
        _until(lambda: _stage(thread).state is State.FROZEN)
        _until(lambda: server.connections > 1)
        server.same = False
        _until(lambda: _stage(thread).state is State.OK)


def test_one_video_for_both_ends_both(
    tmp_path: Path, started: Callable[[DeviceThread[Camera] | DeviceThread[Microphone]], None]
) -> None:
    path, start_s = made.video(tmp_path / "a.mp4", 8, sound=True), time.monotonic() + 0.1
    latest, ring = Latest(), SoundRing()
    see, hear = CameraSettings(source=f"file:{path}"), MicrophoneSettings(source=f"file:{path}")
    eye = CameraThread(lambda: open_camera(see, start_s=start_s), latest, 5.0)
    ear = MicrophoneThread(lambda: open_microphone(hear, start_s=start_s), ring, 5.0)
    started(eye)
    started(ear)
    assert eye.ended.wait(3)
    assert ear.ended.wait(3)
    assert abs(time.monotonic() - start_s - 0.8) < 0.5
    window = ring.window()
    assert window is not None
    assert window.end_s == pytest.approx(start_s + 0.8, abs=0.15)


_LISTEN = """
import json, select, sys, time
from device.sense.capture import MicrophoneThread, SoundRing
from device.sense.microphone import open_microphone
from device.settings import Microphone
ring = SoundRing()
thread = MicrophoneThread(lambda: open_microphone(Microphone()), ring, 0.6)
thread.start()
while True:
    if select.select([sys.stdin], [], [], 0.05)[0]:
        word = sys.stdin.readline().strip()
        if word == "end":
            break
        thread.set_on(word == "on")
    stage = thread.stage(time.monotonic())
    print(json.dumps([stage.state, stage.detail, stage.rate_hz, ring.window() is not None]), flush=True)
thread.stop()
"""


def test_a_real_microphone_muted_and_unplugged(pulse: Pulse, tmp_path: Path) -> None:
    noise = made.wav(tmp_path / "noise.wav", (0.1 * _noise.standard_normal(16_000 * 20)).astype(np.float32))
    player = pulse.play(noise)
    child = pulse.python(_LISTEN)

    def say(word: str) -> None:
        assert child.stdin is not None
        child.stdin.write(word + "\n")
        child.stdin.flush()

    def until(state: str) -> list[object]:
        assert child.stdout is not None
        until_s = time.monotonic() + 8
        line: list[object] = []
        while time.monotonic() < until_s:
            line = json.loads(child.stdout.readline())
            if line[0] == state:
                return line
        raise AssertionError(f"{state} did not come; the last was {line}")

    def listeners() -> list[str]:
        lines = pulse.pactl("list", "short", "source-outputs").splitlines()
        return [line for line in lines if "module-remap-source" not in line]

    try:
        until("ok")
        assert len(listeners()) == 1, "so that an empty list means something"
        say("off")
        began_s = time.monotonic()
        assert until("off")[3] is False, "the ring is empty"
        assert time.monotonic() - began_s < 1
        assert listeners() == [], "muted is closed: PulseAudio knows of no listener"
        say("on")
        until("ok")
        assert len(listeners()) == 1
        # The listener moves to the sink's own monitor when its source is unloaded, so that it is made silent first.
        player.terminate()
        module = next(x for x in pulse.pactl("list", "short", "modules").splitlines() if "module-remap-source" in x)
        pulse.pactl("unload-module", module.split()[0])
        assert "silent" in str(until("frozen")[1])
        pulse.pactl("load-module", "module-remap-source", "master=mood.monitor", "source_name=mic")
        player = pulse.play(noise)
        until("ok")
        say("end")
        noise_said = child.communicate(timeout=5)[1]
        assert all(line.startswith("microphone: ") for line in noise_said.splitlines()), "our own lines and no other"
    finally:
        player.terminate()
        player.wait(5)
        if child.poll() is None:
            child.kill()
            child.wait(5)


def test_stop_before_start_and_twice() -> None:
    thread = MicrophoneThread(lambda: open_microphone(MicrophoneSettings()), SoundRing(), 1.0)
    thread.stop()
    thread.start()
    _until(lambda: not thread.is_alive())
    thread.stop()

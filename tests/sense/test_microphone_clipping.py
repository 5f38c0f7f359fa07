"""The slot for the newest frame, and the ring of the last seconds of sound."""

import itertools
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from device.emotions import Floats
from device.perception.audio.stft import HOP
from device.sense.camera.thread import Latest
from device.sense.microphone.thread import SoundRing
from tests.sense.fakes import new_frame


def test_latest_keeps_the_newest_frame_and_counts_the_replaced_ones() -> None:
    latest = Latest()
    assert latest.get(0) is None
    frames = [new_frame(t) for t in (1.0, 2.0, 3.0)]
    for frame in frames:
        latest.put(frame)
    assert latest.dropped == 2
    assert latest.get(0) is frames[2]
    assert latest.get(0) is None, "taken out"
    latest.put(frames[0])
    assert latest.dropped == 2, "a frame that was read does not count as dropped"
    latest.clear()
    assert latest.get(0) is None
    assert latest.dropped == 2


def test_latest_wakes_a_waiting_thread() -> None:
    latest, frame = Latest(), new_frame()
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
def test_the_ring_holds_the_last_three_seconds_in_order(sizes: tuple[int, ...]) -> None:
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
    assert window.at % HOP == 0, "windows share their frames"
    assert 48_000 - HOP < len(window.samples) <= 48_000
    assert window.end_s == pushed / 16_000
    window.samples[:] = -1
    again = ring.window()
    assert again is not None
    assert again.samples[0] == window.at, "a copy"


def test_the_ring_before_it_is_full_and_after_a_gap() -> None:
    ring = SoundRing()
    ring.push(np.ones(1000, np.float32), 10.0)
    ring.push(np.full(600, 2, np.float32), 10.3)
    window = ring.window()
    assert window is not None
    assert len(window.samples) == 1600
    ring.push(np.full(160, 3, np.float32), 12.0)
    window = ring.window()
    assert window is not None
    assert window.samples.tolist() == [3] * 160, "sound from before a gap is dropped"


@pytest.mark.parametrize("sizes", [(800,), (1, 7, 4096), (557,)])
def test_windows_of_one_stream_start_at_whole_hops_and_give_their_position(sizes: tuple[int, ...]) -> None:
    ring, pushed = SoundRing(), 0
    for block in _blocks(100_000, sizes):
        pushed += len(block)
        ring.push(block, pushed / 16_000)
        window = ring.window()
        assert window is None or (window.at % HOP == 0 and window.samples[0] == window.at)
        assert window is None or window.samples[-1] == pushed - 1, "to the newest sample"


def test_clearing_the_ring_overwrites_its_samples() -> None:
    ring = SoundRing()
    ring.push(np.ones(9000, np.float32), 1.0)
    ring.clear()
    assert ring.window() is None
    assert not ring._samples.any()

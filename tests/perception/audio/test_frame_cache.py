"""What is kept of a sound from window to window is what would have been measured anew."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from device.emotions import Emotion, Floats
from device.perception.audio.frame_cache import FrameCache
from device.perception.audio.frame_features import (
    COLUMNS,
    LOUD,
    MEL,
    PEAK,
    PERIODIC,
    REGIONS,
    SEMITONES,
    TILTS,
    frame_rows,
)
from device.perception.audio.stft import HOP, RATE_HZ, frame_count
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak

_VOICE = speak(PROSODIES[Emotion.ANGRY], 9.0)
_WINDOW = 3 * RATE_HZ


def _close(rows: Floats, fresh: Floats) -> None:
    assert rows.shape == fresh.shape
    assert rows.dtype == fresh.dtype == np.float32
    # Beside the middle of a region, which is in Hz, and the semitones, which leap where two peaks are as high.
    leaps = np.abs(rows[:, SEMITONES] - fresh[:, SEMITONES]) > 1e-3
    assert leaps.mean() < 0.01
    for columns in (MEL, PERIODIC, PEAK, LOUD, TILTS):
        np.testing.assert_allclose(rows[~leaps, columns], fresh[~leaps, columns], atol=1e-3)
    np.testing.assert_allclose(rows[:, REGIONS], fresh[:, REGIONS], rtol=1e-3)


def test_a_row_is_as_wide_as_its_columns() -> None:
    assert frame_rows(_VOICE[:_WINDOW]).shape == (frame_count(_WINDOW), COLUMNS)


@pytest.mark.parametrize("hops", [1, 5, 25, 50, 125, 145, 149, 200])
def test_windows_that_advance_by_hops_are_measured_where_they_are_new(hops: int) -> None:
    memory, step = FrameCache(frame_rows), hops * HOP
    starts = range(0, len(_VOICE) - _WINDOW, step)[:8]
    for start in starts:
        window = _VOICE[start : start + _WINDOW]
        _close(memory(window, start), frame_rows(window))
    frames = frame_count(_WINDOW)
    # Each time the frames of the step, those at both ends, and those whose neighbours the ends are.
    assert memory.measured <= frames + (len(starts) - 1) * min(hops + 7, frames)
    if hops <= 125:
        assert memory.new == hops


@pytest.mark.parametrize("step", [1, 801, 7999])
def test_windows_that_have_no_frame_in_common_are_measured_whole(step: int) -> None:
    memory = FrameCache(frame_rows)
    for start in range(0, 5 * step, step):
        window = _VOICE[start : start + _WINDOW]
        np.testing.assert_array_equal(memory(window, start), frame_rows(window))
    assert memory.measured == 5 * frame_count(_WINDOW)
    assert memory.new == frame_count(_WINDOW)


@tries(max_examples=40, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 250), st.integers(1, 150), st.sampled_from([0, 1, 80, 159, 160, 161, 192, 240, 319])),
        min_size=2,
        max_size=5,
    )
)
def test_any_sequence_of_windows_gives_the_rows_of_the_sound(parts: list[tuple[int, int, int]]) -> None:
    memory = FrameCache(frame_rows)
    for first, hops, more in parts:
        part = _VOICE[first * HOP : (first + hops) * HOP + more]
        _close(memory(part, first * HOP), frame_rows(part))


def test_a_part_that_only_grows_keeps_its_beginning() -> None:
    memory = FrameCache(frame_rows)
    memory(_VOICE[:RATE_HZ], 0)
    before = memory.measured
    _close(memory(_VOICE[: RATE_HZ + 10 * HOP], 0), frame_rows(_VOICE[: RATE_HZ + 10 * HOP]))
    assert memory.measured - before <= 10 + 3


@pytest.mark.parametrize("at", [0, 50 * HOP, -50 * HOP, 10**9 * HOP])
def test_another_sound_is_measured_from_the_start(at: int) -> None:
    memory, other = FrameCache(frame_rows), speak(PROSODIES[Emotion.NEUTRAL], 3.0)
    memory(_VOICE[:_WINDOW], 0)
    np.testing.assert_array_equal(memory(other, at), frame_rows(other))


def test_one_sample_that_differs_is_another_sound() -> None:
    memory, other = FrameCache(frame_rows), _VOICE[8000 : 8000 + _WINDOW].copy()
    memory(_VOICE[:_WINDOW], 0)
    other[20_000] += 1e-3
    np.testing.assert_array_equal(memory(other, 8000), frame_rows(other))


def test_frames_with_nan_are_never_used_again() -> None:
    memory, broken = FrameCache(lambda samples: samples[: frame_count(len(samples)), None]), _VOICE[:_WINDOW].copy()
    broken[5] = np.nan
    memory(broken, 0)
    memory(broken, 0)
    assert memory.measured == 2 * frame_count(_WINDOW)


def test_a_cleared_cache_is_empty() -> None:
    memory = FrameCache(frame_rows)
    memory(_VOICE[:_WINDOW], 0)
    memory.clear()
    assert not any(value.size for value in vars(memory).values() if isinstance(value, np.ndarray))
    _close(memory(_VOICE[8000 : 8000 + _WINDOW], 8000), frame_rows(_VOICE[8000 : 8000 + _WINDOW]))
    assert memory.measured == 2 * frame_count(_WINDOW)

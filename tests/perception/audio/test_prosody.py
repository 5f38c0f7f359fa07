"""How something was said, in numbers: pitch, and what stays the same when only the recording changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from device.emotions import Emotion, Floats
from device.perception.audio.frame_features import frame_rows
from device.perception.audio.pitch import A1_HZ, PITCH_WIDTH, pitch_per_frame, remove_octave_leaps
from device.perception.audio.prosody import PROSODY, prosody, prosody_from_rows
from device.perception.audio.statistics import functionals, moving_means, quantiles, slopes, thirds
from device.perception.audio.stft import RATE_HZ, frame_count, low_frames
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak


def tone(hz: float, seconds: float = 1.0, rise: float = 0.0) -> Floats:
    """A buzz of ten harmonics at `hz`, its pitch rising by `rise` octaves on the way."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (rise * t / seconds)) / RATE_HZ
    return np.asarray(0.1 * sum(np.sin(k * phase) / k for k in range(1, 11)), np.float32)


def pitch(samples: Floats) -> tuple[Floats, Floats]:
    """The semitones of each frame, without leaps by octaves, and the height of the peak."""
    semitones, peak = pitch_per_frame(*low_frames(samples, PITCH_WIDTH))
    return remove_octave_leaps(semitones), peak


@pytest.mark.parametrize("hz", [70, 98, 123.4, 220, 311, 440, 500])
def test_a_tone_s_pitch_is_found_to_a_tenth_of_a_semitone(hz: float) -> None:
    semitones, peak = pitch(tone(hz))
    assert len(semitones) == len(peak) == frame_count(RATE_HZ)
    inside = slice(5, -5)
    assert np.abs(semitones[inside] - 12 * np.log2(hz / A1_HZ)).max() < 0.1
    assert peak[inside].min() > 0.9


def test_noise_is_no_tone() -> None:
    _, peak = pitch(np.random.default_rng(1).normal(0, 0.1, RATE_HZ).astype(np.float32))
    assert np.median(peak) < 0.4


def test_loudness_of_the_recording_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    voice = np.concatenate(
        [tone(150, 0.7, 0.3), 0.001 * rng.normal(size=3000).astype(np.float32), tone(180, 0.8, -0.4)]
    )
    loud, quiet = prosody(voice), prosody(np.float32(0.1) * voice)
    assert loud.shape == (PROSODY,)
    assert np.abs(loud - quiet).max() < 0.05 * np.abs(loud).max()
    assert np.corrcoef(loud, quiet)[0, 1] > 0.9999


def test_a_voice_that_goes_up_differs_from_one_that_goes_down_and_from_one_that_is_flat() -> None:
    up, flat, down = (prosody(tone(160, 1.2, rise)) for rise in (0.5, 0.0, -0.5))
    assert np.abs(up - flat).sum() > 20
    assert np.abs(up - down).sum() > 20


@tries(max_examples=60, deadline=None)
@given(
    st.sampled_from(["silence", "noise", "click", "tone", "clipped", "nothing"]),
    st.integers(1, 3 * RATE_HZ),
    st.floats(1e-7, 1.0),
)
def test_for_any_sound_the_numbers_are_finite(kind: str, length: int, gain: float) -> None:
    rng = np.random.default_rng(length)
    sound = {
        "silence": np.zeros(length),
        "noise": rng.normal(size=length),
        "click": np.eye(1, length)[0],
        "tone": tone(200, 3.1)[:length],
        "clipped": np.sign(tone(200, 3.1)[:length]),
        "nothing": np.full(length, 1.0),
    }[kind]
    numbers = prosody((gain * sound).astype(np.float32))
    assert numbers.shape == (PROSODY,)
    assert np.isfinite(numbers).all()


def test_prosody_from_rows_equals_prosody_of_the_sound() -> None:
    voice = speak(PROSODIES[Emotion.ANGRY], 2.0)
    np.testing.assert_array_equal(prosody_from_rows(frame_rows(voice)), prosody(voice))


@pytest.mark.parametrize("count", [1, 2, 3, 10, 299])
@pytest.mark.parametrize("shares", [(0.1, 0.5, 0.9), (0.0, 1.0), (0.333,)])
def test_quantiles_are_numpys(count: int, shares: tuple[float, ...]) -> None:
    values = np.random.default_rng(count).normal(size=(3, count)).astype(np.float32)
    ours = quantiles(np.sort(values, axis=1), shares)
    np.testing.assert_allclose(ours, np.quantile(values, shares, axis=1), atol=1e-6)


@pytest.mark.parametrize("frames", [2, 3, 50])
def test_functionals_are_numpys(frames: int) -> None:
    curves = np.random.default_rng(frames).normal(size=(4, frames))
    mean, spread, low, middle, high, trend, steps = functionals(curves)
    np.testing.assert_allclose(mean, curves.mean(axis=1))
    np.testing.assert_allclose(spread, curves.std(axis=1))
    np.testing.assert_allclose([low, middle, high], np.quantile(curves, (0.1, 0.5, 0.9), axis=1))
    np.testing.assert_allclose(trend, np.polyfit(np.linspace(-1, 1, frames), curves.T, 1)[0])
    np.testing.assert_allclose(steps, np.abs(np.diff(curves, axis=1)).mean(axis=1))


def test_rises_and_falls_are_separated_and_invalid_steps_ignored() -> None:
    steps = np.array([[1.0, 3.0, -2.0, 0.0], [0.0, 0.0, -1.0, -2.0], [0.0, 0.0, 0.0, 0.0]])
    rise, rise_spread, fall, fall_spread, share = slopes(steps, np.array([4, 2, 0]))
    np.testing.assert_allclose(rise, [2, 0, 0])
    np.testing.assert_allclose(rise_spread, [1, 0, 0])
    np.testing.assert_allclose(fall, [-2, -1.5, 0])
    np.testing.assert_allclose(fall_spread, [0, 0.5, 0], atol=1e-9)
    np.testing.assert_allclose(share, [0.5, 0, 0.5])


def test_thirds_show_the_course_of_a_curve() -> None:
    np.testing.assert_allclose(thirds(np.array([[0.0, 0, 3, 3, 9, 9], [1, 1, 1, 1, 1, 1]])), [-4, 0, -1, 0, 5, 0])
    np.testing.assert_allclose(thirds(np.array([[2.0]])), [0, 0, 0])


def test_a_curve_is_smoothed_over_three_and_over_five_frames_and_goes_on_at_its_ends() -> None:
    three, five = moving_means(np.array([[0.0, 0, 15, 0, 0, 15]]))
    np.testing.assert_allclose(three, [[0, 5, 5, 5, 5, 10]])
    np.testing.assert_allclose(five, [[3, 3, 3, 6, 9, 9]])


def test_a_wrong_octave_is_corrected_and_a_glide_is_not() -> None:
    glide = np.linspace(20, 30, 50, dtype=np.float32)
    wrong = glide.copy()
    wrong[[10, 30]] += 12
    np.testing.assert_allclose(remove_octave_leaps(wrong), glide, atol=0.5)
    np.testing.assert_array_equal(remove_octave_leaps(glide), glide)

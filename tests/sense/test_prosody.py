"""How something was said, in numbers: pitch, and what stays the same when only the recording changes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from device.emotions import Emotion, Floats
from device.sense.features import RATE_HZ, frame_count
from device.sense.pitch import A1_HZ, Pitch, pitch
from device.sense.prosody import PROSODY, prosody
from device.sense.stand_in.made_voice import speak
from device.sense.stand_in.roles import PROSODIES


def tone(hz: float, seconds: float = 1.0, rise: float = 0.0) -> Floats:
    """A buzz of ten harmonics at `hz`, its pitch rising by `rise` octaves on the way."""
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    phase = 2 * np.pi * np.cumsum(hz * 2 ** (rise * t / seconds)) / RATE_HZ
    return np.asarray(0.1 * sum(np.sin(k * phase) / k for k in range(1, 11)), np.float32)


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
def test_whatever_is_heard_the_numbers_are_finite(kind: str, length: int, gain: float) -> None:
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


@pytest.mark.parametrize("step", [8000, 1600, 8001])
def test_what_was_measured_in_one_window_is_kept_for_the_next(step: int) -> None:
    voice = speak(PROSODIES[Emotion.ANGRY], 6.0)
    remembering, windows = Pitch(), 0
    for start in range(0, len(voice) - 48_000, step):
        window = voice[start : start + 48_000]
        for kept, fresh in zip(remembering(window), pitch(window), strict=True):
            np.testing.assert_allclose(kept, fresh, atol=1e-4)
        windows += 1
    frames = frame_count(48_000)
    if step % 160:
        assert remembering.measured <= windows * frames
    else:
        # New are the frames of the step, and those at both ends, which reach into the silence beyond.
        assert remembering.measured <= frames + (windows - 1) * (step // 160 + 8)

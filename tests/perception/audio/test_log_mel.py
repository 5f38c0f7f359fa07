"""Log-mel features, held to the library whose equal they are."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from python_speech_features import base

from device.perception.audio.log_mel import BANDS, filterbank, log_mel
from device.perception.audio.stft import FRAME, HOP, RATE_HZ, frame_count
from device.sense.simulator.voice import Prosody, speak


def _theirs(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    energy = base.fbank(
        samples, RATE_HZ, FRAME / RATE_HZ, HOP / RATE_HZ, BANDS, 512, 50, None, 0.97, winfunc=np.hamming
    )[0]
    return np.asarray(np.log(energy))


@tries(max_examples=80, deadline=None)
@given(st.integers(1, 20_000), st.sampled_from([0.0, 1e-9, 1e-4, 0.01, 1.0, 30.0]), st.integers(0, 2**32 - 1))
@example(1, 1.0, 0)
@example(FRAME, 1.0, 0)
@example(FRAME + 1, 1.0, 0)
@example(FRAME + HOP, 1.0, 0)
@example(FRAME + HOP + 1, 1.0, 0)
@example(RATE_HZ * 3, 0.3, 0)
@example(RATE_HZ * 3, 0.0, 0)
def test_log_mel_equals_python_speech_features(length: int, amplitude: float, seed: int) -> None:
    samples = (amplitude * np.random.default_rng(seed).normal(size=length)).astype(np.float32)
    ours, theirs = log_mel(samples), _theirs(samples.astype(np.float64))
    assert ours.shape == theirs.shape == (frame_count(length), BANDS)
    assert ours.dtype == np.float32
    np.testing.assert_allclose(ours, theirs, atol=2e-4 if amplitude else 1e-5)


def test_a_voice_and_silence_after_it_equal_python_speech_features() -> None:
    samples = np.concatenate([speak(Prosody(), 1.0), np.zeros(RATE_HZ, np.float32)])
    np.testing.assert_allclose(log_mel(samples), _theirs(samples.astype(np.float64)), atol=1e-3)


def test_three_seconds_are_150_frames_of_which_the_last_is_not_whole() -> None:
    assert frame_count(3 * RATE_HZ) == 150
    assert frame_count(148 * HOP + FRAME) == 149


@pytest.mark.parametrize("tone_hz", [200, 1000, 4000])
def test_a_tone_lies_in_the_band_that_is_made_for_it(tone_hz: int) -> None:
    tone = np.sin(2 * np.pi * tone_hz * np.arange(RATE_HZ) / RATE_HZ).astype(np.float32)
    loudest = int(log_mel(tone)[10:-10].mean(axis=0).argmax())
    centre_hz = filterbank()[:, loudest].argmax() * RATE_HZ / 512
    assert centre_hz == pytest.approx(tone_hz, rel=0.12)


def test_the_samples_that_are_given_stay_as_they_are() -> None:
    samples = speak(Prosody(), 0.5)
    kept = samples.copy()
    log_mel(samples)
    np.testing.assert_array_equal(samples, kept)

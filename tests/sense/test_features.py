"""Log-mel features, held to the library whose equal they are."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import settings as tries
from hypothesis import strategies as st
from python_speech_features import base

from device.sense.features import (
    BANDS,
    FRAME,
    HOP,
    PITCHES_HZ,
    RATE_HZ,
    correlogram,
    filterbank,
    frame_count,
    log_mel,
)
from device.sense.stand_in.made_voice import Prosody, speak


def _theirs(samples: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    energy = base.fbank(samples, RATE_HZ, 0.025, 0.01, BANDS, 512, 50, None, 0.97, winfunc=np.hamming)[0]
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
    np.testing.assert_allclose(log_mel(samples), _theirs(samples.astype(np.float64)), atol=2e-4)


def test_three_seconds_are_298_or_299_frames() -> None:
    assert frame_count(3 * RATE_HZ) == 299
    assert frame_count(3 * RATE_HZ - HOP) == 298


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


@pytest.mark.parametrize("pitch_hz", [85, 120, 210, 330])
def test_the_correlograms_ridge_is_the_pitch_even_without_the_fundamental(pitch_hz: float) -> None:
    t = np.arange(RATE_HZ) / RATE_HZ
    for harmonics in (range(1, 9), range(2, 9)):
        voice = np.sum([np.sin(2 * np.pi * pitch_hz * k * t) / k for k in harmonics], axis=0)
        seen = correlogram(np.asarray(0.1 * voice, np.float32))
        assert seen.shape == (frame_count(RATE_HZ), BANDS)
        found = PITCHES_HZ[seen[10:-10].mean(axis=0).argmax()]
        assert abs(np.log2(found / pitch_hz)) < 0.08  # a semitone


def test_the_correlogram_follows_a_glide_frame_by_frame() -> None:
    t = np.arange(2 * RATE_HZ) / RATE_HZ
    pitch = 110 * 2 ** (t / 2)
    voice = np.sin(2 * np.pi * np.cumsum(pitch) / RATE_HZ) + 0.5 * np.sin(4 * np.pi * np.cumsum(pitch) / RATE_HZ)
    found = PITCHES_HZ[correlogram(voice.astype(np.float32)).argmax(axis=1)][10:-10]
    expected = pitch[200::160][: len(found) + 20][10 : 10 + len(found)]
    assert np.median(np.abs(np.log2(found / expected))) < 0.05


def test_the_correlogram_knows_a_voice_from_noise_at_any_level_and_takes_silence() -> None:
    rng = np.random.default_rng(0)
    t = np.arange(RATE_HZ) / RATE_HZ
    voice = np.sum([np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 9)], axis=0).astype(np.float32)
    hiss = rng.normal(0, 0.1, RATE_HZ).astype(np.float32)
    assert correlogram(voice).max(axis=1)[5:-5].mean() > 0.5
    assert correlogram(hiss).max(axis=1).mean() < 0.35
    np.testing.assert_allclose(correlogram(voice * np.float32(0.01)), correlogram(voice), atol=1e-3)
    silence = correlogram(np.zeros(4_000, np.float32))
    assert np.isfinite(silence).all()
    assert np.abs(silence).max() < 1e-3


@given(length=st.integers(1, 5_000))
def test_both_features_have_the_same_frames(length: int) -> None:
    sound = np.ones(length, np.float32)
    assert len(correlogram(sound)) == len(log_mel(sound))

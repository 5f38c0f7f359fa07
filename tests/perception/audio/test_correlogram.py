"""The correlogram: a voice's pitch as a ridge, in every frame that the log-mel has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.perception.audio.correlogram import PITCHES_HZ, correlogram
from device.perception.audio.log_mel import BANDS, log_mel
from device.perception.audio.stft import FRAME, HOP, RATE_HZ, frame_count


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
    expected = pitch[FRAME // 2 :: HOP][: len(found) + 20][10 : 10 + len(found)]
    assert np.median(np.abs(np.log2(found / expected))) < 0.05


def test_the_correlogram_separates_voice_from_noise_at_any_level_and_accepts_silence() -> None:
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

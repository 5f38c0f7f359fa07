"""The experiments' inputs from a sound: features and augmentations."""

import numpy as np
import pytest

from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ

pytestmark = pytest.mark.convert
pytest.importorskip("torch", reason="the training environment: make test-convert")
pytest.importorskip("sklearn", reason="the training environment: make test-convert")
pytest.importorskip("matplotlib", reason="the training environment: make test-convert")

from convert.reproduce import sound_features  # noqa: E402
from convert.reproduce.networks_e import PATCH_BANDS, PATCH_FRAMES  # noqa: E402

# Sounds


def tone(frequency_hz: float, seconds: float = 2.0) -> Floats:
    wave = np.sin(2 * np.pi * frequency_hz * np.arange(int(seconds * RATE_HZ)) / RATE_HZ) / 2
    return np.asarray(wave, np.float32)


def strongest_hz(samples: Floats) -> float:
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(power) * RATE_HZ / len(samples))


def test_each_seeds_features_have_their_shape() -> None:
    for seconds in (0.4, 2.0, 6.5):
        sound = tone(300, seconds)
        assert sound_features.table_row(sound).shape == (162,)
        assert sound_features.mfcc_means(sound).shape == (80,)
        assert sound_features.mel_picture(sound).shape == (1, 96, 431)
        assert sound_features.stacked_picture(sound).shape == (1, 40, 216)
        assert sound_features.mfcc_sequence(sound).shape == (150, 40)
        whole = max(int((seconds - 0.025) / 0.96), 1)
        assert sound_features.patches(sound).shape == (whole, 1, PATCH_FRAMES, PATCH_BANDS)
        assert np.isfinite(sound_features.table_row(np.zeros_like(sound))).all()


def test_mel_and_semitones_follow_the_pitch() -> None:
    low, high = (sound_features.mel_picture(tone(f))[0, :, 50].argmax() for f in (300, 3000))
    assert low < high
    power = np.abs(sound_features.spectrum(tone(440), 4096, 1024)) ** 2
    assert set(sound_features.chroma(power, 4096)[2:-2].argmax(axis=1)) == {0}  # an A, and so is its octave
    power = np.abs(sound_features.spectrum(tone(880 * 2 ** (3 / 12)), 4096, 1024)) ** 2
    assert set(sound_features.chroma(power, 4096)[2:-2].argmax(axis=1)) == {3}


def test_a_sound_is_stretched_at_its_pitch_and_shifted_at_its_length() -> None:
    sound = tone(500)
    slow = sound_features.stretch(sound, 0.8)
    assert len(slow) == pytest.approx(len(sound) / 0.8, rel=0.02)
    assert strongest_hz(slow) == pytest.approx(500, rel=0.01)
    high = sound_features.shift_pitch(sound, 3)
    assert len(high) == pytest.approx(len(sound), rel=0.02)
    assert strongest_hz(high) == pytest.approx(500 * 2 ** (3 / 12), rel=0.01)
    assert np.abs(high[4000:-4000]).max() == pytest.approx(0.5, rel=0.15)
    changed = sound_features.add_noise(sound, np.random.default_rng(0)) - sound
    assert 0 < np.abs(changed).mean() < 0.02

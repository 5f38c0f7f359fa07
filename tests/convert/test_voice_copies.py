"""The frames of a clean and of a degraded copy of a clip stay aligned, however the sound was changed."""

import numpy as np
import pytest

from convert.datasets.speech.clips import Clip
from convert.voice.copies.clean import MAX_SAMPLES, make_clean_copy
from convert.voice.copies.codecs import mp3, opus, remove_delay, telephone
from convert.voice.copies.degraded import Surroundings, degrade
from device.emotions import Floats
from device.perception.audio.stft import HOP, RATE_HZ


def _voice(seconds: float, seed: int = 0) -> Floats:
    """Bursts of a buzz: something with syllables and pauses."""
    t = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    buzz = np.sign(np.sin(2 * np.pi * (140 + 20 * np.sin(2 * t)) * t))
    syllables = np.clip(np.sin(2 * np.pi * 3 * t), 0, None)
    hiss = np.random.default_rng(seed).normal(0, 0.001, len(t))
    return np.asarray(0.1 * buzz * syllables + hiss, np.float32)


def _clip(seconds: float = 2.0) -> Clip:
    return Clip("made", "made", "A", "F", 0, (_voice(seconds) * 32767).astype(np.int16))


def test_a_copy_has_whole_frames_and_is_the_same_every_time() -> None:
    for copy in range(3):
        samples = make_clean_copy(_clip(), copy)
        assert len(samples) % HOP == 0
        np.testing.assert_array_equal(samples, make_clean_copy(_clip(), copy))
    assert len(make_clean_copy(_clip(9.0), 0)) == MAX_SAMPLES
    assert len(make_clean_copy(_clip(0.2), 0)) == RATE_HZ // 2
    assert len(make_clean_copy(_clip(), 1)) != len(make_clean_copy(_clip(), 0))


@pytest.mark.parametrize(
    "transmit", [lambda s: opus(s, 16_000), lambda s: mp3(s, 24_000), telephone], ids=["opus", "mp3", "telephone"]
)
def test_codecs_and_telephones_do_not_shift_a_sound(transmit: object) -> None:
    samples = _voice(2.0)
    changed = transmit(samples)  # type: ignore[operator]
    assert changed.shape == samples.shape
    size = [np.sqrt(np.convolve(s**2, np.ones(400) / 400, "same")) for s in (samples, changed)]
    shifts = np.arange(-800, 801, 40)
    correlation = [np.corrcoef(size[0][1000:-1000], np.roll(size[1], shift)[1000:-1000])[0, 1] for shift in shifts]
    assert abs(shifts[int(np.argmax(correlation))]) <= 80


def test_a_delay_is_removed_in_both_directions() -> None:
    samples = np.random.default_rng(1).normal(size=8_000).astype(np.float32)
    late = np.concatenate([np.zeros(700, np.float32), samples])
    np.testing.assert_allclose(remove_delay(late, samples), samples)
    early = remove_delay(samples[700:], samples)
    np.testing.assert_allclose(early[700:], samples[700:])
    assert len(early) == len(samples)


def test_a_degraded_copy_has_the_same_length_and_is_finite() -> None:
    room = np.zeros(4_000, np.float32)
    room[16], room[900] = 0.9, 0.4
    surroundings = Surroundings([(_voice(1.0, 3) * 32767).astype(np.int16)], [room])
    samples = _voice(1.5)
    for seed in range(12):
        changed = degrade(samples, surroundings, np.random.default_rng(seed))
        assert changed.shape == samples.shape
        assert np.isfinite(changed).all()

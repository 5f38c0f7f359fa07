"""What a teacher hears and what a student sees of a clip lie in the same frames, whatever was done to the sound."""

import numpy as np
import pytest

from convert.datasets.speech.clips import Clip
from convert.voice.copies.clean import LONGEST, at_level, clean_copy
from convert.voice.copies.codecs import mp3, opus, telephone, undelayed
from convert.voice.copies.degraded import Surroundings, degraded
from convert.voice.student.input import FRAMES, padded, student_input
from convert.voice.student.views import COLUMNS, view
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


def test_a_copy_is_whole_frames_at_one_level_and_the_same_again() -> None:
    for copy in range(3):
        samples = clean_copy(_clip(), copy)
        assert len(samples) % HOP == 0
        np.testing.assert_array_equal(samples, clean_copy(_clip(), copy))
    assert len(clean_copy(_clip(9.0), 0)) == LONGEST
    assert len(clean_copy(_clip(0.2), 0)) == RATE_HZ // 2
    assert len(clean_copy(_clip(), 1)) != len(clean_copy(_clip(), 0))


def test_the_level_says_nothing() -> None:
    loud, soft = at_level(_voice(1.0)), at_level(0.01 * _voice(1.0))
    np.testing.assert_allclose(loud, soft, atol=1e-4)


@pytest.mark.parametrize(
    "carried", [lambda s: opus(s, 16_000), lambda s: mp3(s, 24_000), telephone], ids=["opus", "mp3", "telephone"]
)
def test_what_carries_a_sound_does_not_move_it(carried: object) -> None:
    samples = _voice(2.0)
    sound_in = carried(samples)  # type: ignore[operator]
    assert sound_in.shape == samples.shape
    size = [np.sqrt(np.convolve(s**2, np.ones(400) / 400, "same")) for s in (samples, sound_in)]
    shifts = np.arange(-800, 801, 40)
    alike = [np.corrcoef(size[0][1000:-1000], np.roll(size[1], shift)[1000:-1000])[0, 1] for shift in shifts]
    assert abs(shifts[int(np.argmax(alike))]) <= 80


def test_a_delay_is_found_whichever_way_it_goes() -> None:
    samples = np.random.default_rng(1).normal(size=8_000).astype(np.float32)
    late = np.concatenate([np.zeros(700, np.float32), samples])
    np.testing.assert_allclose(undelayed(late, samples), samples)
    early = undelayed(samples[700:], samples)
    np.testing.assert_allclose(early[700:], samples[700:])
    assert len(early) == len(samples)


def test_a_degraded_copy_is_as_long_and_finite() -> None:
    room = np.zeros(4_000, np.float32)
    room[16], room[900] = 0.9, 0.4
    around = Surroundings([(_voice(1.0, 3) * 32767).astype(np.int16)], [room])
    samples = _voice(1.5)
    for seed in range(12):
        sound_in = degraded(samples, around, np.random.default_rng(seed))
        assert sound_in.shape == samples.shape
        assert np.isfinite(sound_in).all()


def test_a_view_has_a_row_for_each_frame_of_the_copy() -> None:
    around = Surroundings([(_voice(1.0, 3) * 32767).astype(np.int16)], [np.ones(1, np.float32)])
    frames = len(clean_copy(_clip(), 1)) // HOP
    for number in range(2):
        assert view(_clip(), 1, number, around).shape == (frames, COLUMNS)


def test_the_input_does_not_tell_loudness_and_stands_in_the_middle_of_silence() -> None:
    around = Surroundings([], [])
    rows = view(_clip(), 0, 0, around)[:100]
    louder = np.array(rows)
    louder[:, :40] += 3
    louder[:, 80:] += 3
    np.testing.assert_allclose(student_input(louder), student_input(rows), atol=1e-4)
    window, place = padded(student_input(rows))
    assert window.shape == (FRAMES, COLUMNS)
    begin = (FRAMES - len(rows)) // 2
    assert place == slice(begin, begin + len(rows))
    assert (window[:begin, :40] < -3.4).all()
    assert (window[place.stop :, 40:80] == 0).all()

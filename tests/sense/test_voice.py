"""Reading a voice."""

import numpy as np
import pytest

from device.emotions import Emotion, Floats, top
from device.readings import SoundWindow, VoiceReading
from device.sense.features import RATE_HZ
from device.sense.model import Model
from device.sense.stand_in.made_voice import speak
from device.sense.stand_in.roles import PROSODIES
from device.sense.voice import WINDOW, VoiceReader
from tests.sense.made import chords, noises

_READER = VoiceReader(Model("voice"), Model("prosody"))
# The made voice is a voice to the network in these; whether it is the emotion too is the network's own matter.
_CLEAR = (Emotion.ANGRY, Emotion.HAPPY, Emotion.SURPRISE, Emotion.NEUTRAL)


def _read(samples: Floats, end_s: float = 3.0) -> VoiceReading | None:
    return _READER.read(SoundWindow(samples, end_s))


def _heard(samples: Floats) -> VoiceReading:
    reading = _read(samples)
    assert reading is not None
    return reading


@pytest.mark.parametrize("emotion", _CLEAR)
def test_a_made_voice_is_a_voice_and_its_probabilities_sum_to_one(emotion: Emotion) -> None:
    reading = _heard(speak(PROSODIES[emotion], 3.0))
    assert reading.probabilities.shape == (7,)
    assert reading.probabilities.sum() == pytest.approx(1, abs=1e-5)
    assert 0.25 <= reading.speech_share <= 1
    assert reading.time_s == 3.0


@pytest.mark.parametrize("name", sorted(noises()))
def test_what_is_no_voice_gives_no_reading(name: str) -> None:
    assert _read(noises()[name]) is None


def test_music_without_a_singer_gives_no_reading() -> None:
    assert _read(chords(3.0)) is None


@pytest.mark.parametrize("gain_db", [-30, -15, 6])
@pytest.mark.parametrize("emotion", _CLEAR)
def test_how_far_the_microphone_is_away_changes_no_emotion(emotion: Emotion, gain_db: float) -> None:
    voice = speak(PROSODIES[emotion], 3.0)
    near, far = _heard(voice), _heard((voice * 10 ** (gain_db / 20)).astype(np.float32))
    assert top(far.probabilities) is top(near.probabilities)
    assert np.abs(far.probabilities - near.probabilities).max() < 0.05


def test_voices_that_are_made_differently_are_read_differently() -> None:
    readings = np.array([_heard(speak(PROSODIES[e], 3.0)).probabilities for e in (Emotion.ANGRY, Emotion.NEUTRAL)])
    assert np.abs(readings[0] - readings[1]).max() > 0.2


@pytest.mark.parametrize("length", [0, 1, 159, 160, 400, 1600])
def test_a_sound_too_short_for_a_voice_gives_no_reading(length: int) -> None:
    assert _read(speak(PROSODIES[Emotion.ANGRY], 1.0)[:length]) is None


def test_of_a_long_sound_the_last_three_seconds_are_read() -> None:
    voice, silence = speak(PROSODIES[Emotion.ANGRY], 3.0), np.zeros(4 * RATE_HZ, np.float32)
    late = _heard(np.concatenate([silence, voice]))
    assert len(voice) == WINDOW
    np.testing.assert_array_equal(late.probabilities, _heard(voice).probabilities)
    assert _read(np.concatenate([voice, silence])) is None


def test_two_short_syllables_are_too_little_where_more_is_asked_for() -> None:
    sound = (2e-4 * np.random.default_rng(0).normal(size=WINDOW)).astype(np.float32)
    sound[16_000:24_000] += speak(PROSODIES[Emotion.ANGRY], 0.5)
    assert VoiceReader(Model("voice"), least_speech=0.6).read(SoundWindow(sound, 3.0)) is None


@pytest.mark.parametrize("gain", [3.0, 100.0])
def test_a_voice_that_clips_is_read_without_a_fault(gain: float) -> None:
    reading = _read(np.clip(gain * speak(PROSODIES[Emotion.ANGRY], 3.0), -1, 1).astype(np.float32))
    assert reading is None or np.isfinite(reading.probabilities).all()

"""Reading a voice."""

import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from device.emotions import Emotion, Floats, top
from device.perception.audio.stft import HOP, RATE_HZ, frame_count
from device.perception.media.decode import read_sound
from device.perception.models.model import Model
from device.perception.voice.classifier import WINDOW, VoiceReader
from device.readings import SoundWindow, VoiceReading
from device.sense.microphone.thread import SoundRing
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import Prosody, speak
from tests.builders import chords, noises

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
def test_sound_without_a_voice_gives_no_reading(name: str) -> None:
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


def test_two_short_syllables_are_too_little_with_a_higher_min_speech() -> None:
    sound = (2e-4 * np.random.default_rng(0).normal(size=WINDOW)).astype(np.float32)
    sound[16_000:24_000] += speak(PROSODIES[Emotion.ANGRY], 0.5)
    assert VoiceReader(Model("voice"), min_speech=0.6).read(SoundWindow(sound, 3.0)) is None


@pytest.mark.parametrize("gain", [3.0, 100.0])
def test_a_voice_that_clips_is_read_without_a_fault(gain: float) -> None:
    reading = _read(np.clip(gain * speak(PROSODIES[Emotion.ANGRY], 3.0), -1, 1).astype(np.float32))
    assert reading is None or np.isfinite(reading.probabilities).all()


# A stream: windows that have most of their sound in common

_RECORDINGS = Path("../shared/data/speech/ravdess_speech.zip")
_SPOKEN = ("03-01-05-02-01-01-21", "03-01-03-02-02-02-22", "03-01-04-01-01-02-23", "03-01-01-01-02-01-24")


def _windows(sound: Floats, every: int) -> Iterator[SoundWindow]:
    for begin in range(0, len(sound) - WINDOW + 1, every):
        yield SoundWindow(sound[begin : begin + WINDOW], (begin + WINDOW) / RATE_HZ, begin)


def _same(one: VoiceReading | None, other: VoiceReading | None) -> None:
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert top(one.probabilities) is top(other.probabilities)
        assert np.abs(one.probabilities - other.probabilities).max() < 0.01
        assert one.speech_share == pytest.approx(other.speech_share, abs=0.01)


def _alone(window: SoundWindow, reader: VoiceReader) -> VoiceReading | None:
    """The window read as if nothing had been heard before it."""
    reader.reset()
    return reader.read(window)


@pytest.mark.parametrize("every", [16_000, 8_000, 1_600, 8_001, 32_000, 64_000])
@pytest.mark.parametrize("emotion", _CLEAR)
def test_a_stream_is_read_as_its_windows_are(emotion: Emotion, every: int) -> None:
    for models in ((Model("voice"),), (Model("voice"), Model("prosody"))):
        # The prosody is counted anew where half of a window is new.
        if len(models) == 2 and every < 32_000:
            continue
        stream, alone = VoiceReader(*models), VoiceReader(*models)
        for window in _windows(speak(PROSODIES[emotion], 9.0), every):
            _same(stream.read(window), _alone(window, alone))


@pytest.mark.skipif(not _RECORDINGS.exists(), reason="../shared/data is not here: RAVDESS is needed")
def test_a_stream_of_recordings_is_read_as_its_windows_are(tmp_path: Path) -> None:
    with zipfile.ZipFile(_RECORDINGS) as archive:
        clips = [read_sound(Path(archive.extract(f"{name}.opus", tmp_path))) for name in _SPOKEN]
    sound = np.concatenate(clips)
    for every, models in ((16_000, (Model("voice"),)), (32_000, (Model("voice"), Model("prosody")))):
        stream, alone = VoiceReader(*models), VoiceReader(*models)
        read = 0
        for window in _windows(sound, every):
            reading = stream.read(window)
            read += reading is not None
            _same(reading, _alone(window, alone))
        assert read > 3


def test_while_somebody_speaks_only_what_is_new_is_measured_and_its_prosody_every_other_second() -> None:
    reader = VoiceReader(Model("voice"), Model("prosody"))
    ring, sound = SoundRing(), speak(Prosody(pause_share=0.0), 13.0)
    frames: list[int] = []
    numbers: list[Floats | None] = []
    for end in range(800, len(sound) + 1, 800):
        ring.push(sound[end - 800 : end], end / RATE_HZ)
        if end < WINDOW or end % RATE_HZ:
            continue
        window, before = ring.window(), reader._frames.measured
        assert window is not None
        assert reader.read(window) is not None
        frames.append(reader._frames.measured - before)
        if not numbers or reader._numbers is not numbers[-1]:
            numbers.append(reader._numbers)
    assert frames[0] <= frame_count(WINDOW)
    assert max(frames[1:]) <= RATE_HZ // HOP + 8
    assert len(numbers) == 6, "of eleven windows"


def test_after_a_gap_old_frames_are_not_used_again() -> None:
    reader, fresh = (VoiceReader(Model("voice"), Model("prosody")) for _ in range(2))
    angry, calm = (speak(PROSODIES[emotion], 3.0) for emotion in (Emotion.ANGRY, Emotion.NEUTRAL))
    ring = SoundRing()
    ring.push(angry, 3.0)
    window = ring.window()
    assert window is not None
    reader.read(window)
    ring.clear()
    ring.push(calm, 9.0)
    window = ring.window()
    assert window is not None
    _same(reader.read(window), fresh.read(window))


def test_two_files_read_one_after_the_other_do_not_mix() -> None:
    reader = VoiceReader(Model("voice"), Model("prosody"))
    for emotion in _CLEAR:
        sound = SoundWindow(speak(PROSODIES[emotion], 3.0), 3.0)
        _same(reader.read(sound), VoiceReader(Model("voice"), Model("prosody")).read(sound))


def test_a_reset_reader_remembers_no_sound() -> None:
    reader = VoiceReader(Model("voice"), Model("prosody"))
    window = SoundWindow(speak(PROSODIES[Emotion.ANGRY], 3.0), 3.0)
    first = reader.read(window)
    reader.reset()
    assert reader._numbers is None
    assert not reader._frames._samples.size
    assert not reader._frames._rows.size
    _same(reader.read(window), first)


def test_a_forgotten_baseline_affects_no_later_reading() -> None:
    sound = np.concatenate([speak(PROSODIES[emotion], 2.0) for emotion in (Emotion.ANGRY, Emotion.NEUTRAL)])
    for erase in (VoiceReader.reset, VoiceReader.forget_speakers):
        reader, fresh = (VoiceReader(Model("voice"), Model("prosody")) for _ in range(2))
        reader.read(SoundWindow(sound[:WINDOW], 3.0, 0))
        erase(reader)
        for begin in (RATE_HZ, RATE_HZ + 320, RATE_HZ + 640):
            window = SoundWindow(sound[begin : begin + WINDOW], 4.0, begin)
            one, other = reader.read(window), fresh.read(window)
            assert one is not None
            assert other is not None
            assert np.array_equal(one.probabilities, other.probabilities)


def test_an_utterance_that_has_ended_is_measured_as_a_whole() -> None:
    reader, fresh = (VoiceReader(Model("voice"), Model("prosody")) for _ in range(2))
    quiet = (2e-4 * np.random.default_rng(0).normal(size=4 * RATE_HZ)).astype(np.float32)
    sound = quiet.copy()
    sound[: 5 * RATE_HZ // 2] += speak(Prosody(pause_share=0.0), 2.5)
    reader.read(SoundWindow(sound[: 2 * RATE_HZ], 2.0))
    window = SoundWindow(sound[:WINDOW], 3.0)
    _same(reader.read(window), fresh.read(window))

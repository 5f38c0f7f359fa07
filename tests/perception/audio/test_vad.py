"""The cheap look at sound: what starts and stops passes, what only hums does not."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from device.emotions import Floats
from device.perception.audio.stft import HOP, RATE_HZ
from device.perception.audio.vad import BLOCK, levels_db, speech_frames, speech_span
from device.sense.simulator.voice import Prosody, speak
from tests.builders import noises

_ROOM = 2e-4


def _room(seconds: float, level: float = _ROOM) -> Floats:
    return np.random.default_rng(1).normal(0, level, int(seconds * RATE_HZ)).astype(np.float32)


def _voice_in_room(before_s: float, voice_s: float, after_s: float, room: float = _ROOM) -> Floats:
    sound = _room(before_s + voice_s + after_s, room)
    at = int(before_s * RATE_HZ)
    voice = speak(Prosody(pause_share=0.0), voice_s)
    sound[at : at + len(voice)] += voice
    return sound


def test_a_full_scale_square_is_at_0_dbfs_and_silence_at_its_floor() -> None:
    square = np.tile([1.0, -1.0], BLOCK * 2).astype(np.float32)
    np.testing.assert_allclose(levels_db(square), 0, atol=1e-4)
    np.testing.assert_allclose(levels_db(np.zeros(3 * BLOCK, np.float32)), -120)
    np.testing.assert_allclose(levels_db((square / 10).astype(np.float32)), -20, atol=1e-3)


@tries(max_examples=60, deadline=None)
@given(st.integers(0, 6000), st.floats(0, 1))
def test_each_whole_ten_milliseconds_has_one_result(length: int, level: float) -> None:
    sound = (level * np.random.default_rng(length).normal(size=length)).astype(np.float32)
    assert speech_frames(sound).shape == levels_db(sound).shape == (length // BLOCK,)
    assert speech_frames(sound).dtype == np.bool_


def test_a_voice_is_marked_where_it_is_and_the_room_around_it_is_not() -> None:
    marked = speech_frames(_voice_in_room(1.0, 1.0, 1.0))
    assert marked[:95].sum() == 0
    assert marked[105:195].mean() > 0.8
    assert marked[206:].sum() == 0


def test_a_voice_over_a_fan_is_marked_too() -> None:
    fan = 0.01  # -40 dBFS
    marked = speech_frames(_voice_in_room(1.0, 1.0, 1.0, fan))
    assert marked[105:195].mean() > 0.6
    assert marked[:95].sum() + marked[206:].sum() == 0


def test_a_clip_trimmed_to_the_voice_is_a_voice() -> None:
    assert speech_frames(speak(Prosody(pause_share=0.0), 2.0)).mean() > 0.7


@pytest.mark.parametrize("gain_db", [0, -10, -20, -25])
def test_how_loud_it_is_spoken_changes_nothing(gain_db: float) -> None:
    loud = _voice_in_room(1.0, 1.0, 1.0, 1e-5)
    quiet = (loud * 10 ** (gain_db / 20)).astype(np.float32)
    assert (speech_frames(loud) == speech_frames(quiet)).mean() > 0.95


@pytest.mark.parametrize("name", ["silence", "hiss", "white noise", "hum", "tone", "one click", "clicks"])
def test_steady_sound_is_not_marked_as_speech(name: str) -> None:
    assert speech_frames(noises()[name]).sum() == 0


def test_sound_below_the_hiss_of_a_microphone_does_not_count() -> None:
    whisper = (_voice_in_room(1.0, 1.0, 1.0, 1e-7) * 10 ** (-60 / 20)).astype(np.float32)
    assert speech_frames(whisper).sum() == 0


def test_a_short_pause_belongs_to_the_phrase_and_a_long_one_does_not() -> None:
    sound = _room(3.0)
    for start, stop in ((0.5, 0.9), (1.05, 1.4), (2.2, 2.6)):
        sound[int(start * RATE_HZ) : int(stop * RATE_HZ)] *= 500
    marked = speech_frames(sound)
    assert marked[51:139].all()
    assert not marked[141:219].any()
    assert marked[221:259].all()


def test_the_speech_span_has_a_margin_and_starts_at_a_whole_frame() -> None:
    marked = np.zeros(300, np.bool_)
    marked[[38, 90]] = True
    said = speech_span(marked)
    assert said == slice(32 * BLOCK, 96 * BLOCK)
    assert said.start % HOP == 0
    assert speech_span(np.ones(10, np.bool_)).start == 0
    assert speech_span(np.zeros(10, np.bool_)) == slice(0, 0)

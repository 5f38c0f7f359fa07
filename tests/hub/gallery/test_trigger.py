"""When the gallery of the page answers a voice, and when it clears."""

import itertools

from device.emotions import Emotion
from device.hub.gallery.trigger import CLEAR_S, MIN_APART_S, VoiceTrigger
from device.readings import SenseReading


def said(emotion: Emotion, confidence: float = 0.8, age_s: float = 0.2) -> SenseReading:
    return SenseReading(emotion, confidence, age_s)


def test_a_voice_is_answered_once_and_a_new_emotion_again() -> None:
    when = VoiceTrigger(0.5, 0.4)
    assert when.update(None, 0.0) is None
    assert when.update(said(Emotion.SAD), 1.0) == "sad"
    assert {when.update(said(Emotion.SAD), 1 + i / 4) for i in range(1, 100)} == {None}
    assert when.update(said(Emotion.HAPPY), 30.0) == "happy"


def test_a_new_utterance_is_answered_again() -> None:
    for pause in (None, said(Emotion.SAD, age_s=2.0)):
        when = VoiceTrigger(0.5, 0.4)
        assert when.update(said(Emotion.SAD), 0.0) == "sad"
        assert when.update(pause, 6.0) is None
        assert when.update(said(Emotion.SAD), 7.0) == "sad"
        assert when.update(said(Emotion.SAD), 12.0) is None


def test_readings_far_apart_are_one_utterance_if_the_interval_is_long() -> None:
    when = VoiceTrigger(3.0, 0.4)
    assert when.update(said(Emotion.SAD), 0.0) == "sad"
    assert when.update(said(Emotion.SAD, age_s=3.0), 3.0) is None
    assert when.update(said(Emotion.SAD, age_s=0.1), 6.0) is None


def test_faces_stay_a_while_whatever_comes() -> None:
    when = VoiceTrigger(0.5, 0.4)
    times = []
    for step in range(200):
        emotion = (Emotion.SAD, Emotion.HAPPY)[step % 2]
        if when.update(said(emotion), step / 4) is not None:
            times.append(step / 4)
    apart = [b - a for a, b in itertools.pairwise(times)]
    assert len(times) > 5
    assert min(apart) >= MIN_APART_S


def test_an_emotion_that_came_too_soon_is_answered_later_if_it_lasts() -> None:
    when = VoiceTrigger(0.5, 0.4)
    assert when.update(said(Emotion.SAD), 0.0) == "sad"
    assert when.update(None, 1.0) is None
    assert when.update(said(Emotion.SAD), 2.0) is None
    assert when.update(said(Emotion.SAD), 4.0) == "sad"


def test_the_faces_clear_once_after_a_silence() -> None:
    when = VoiceTrigger(0.5, 0.4)
    assert when.update(said(Emotion.SAD), 0.0) == "sad"
    assert when.update(None, CLEAR_S - 0.1) is None
    assert when.update(None, CLEAR_S) == "unknown"
    assert when.update(None, CLEAR_S + 1) is None
    assert when.update(said(Emotion.SAD), CLEAR_S + 2) == "sad"


def test_a_voice_without_confidence_counts_as_none() -> None:
    when = VoiceTrigger(0.5, 0.4)
    assert when.update(said(Emotion.SAD, 0.39), 0.0) is None
    assert when.update(said(Emotion.UNKNOWN, 0.9), 0.1) is None
    assert when.update(said(Emotion.SAD, 0.4), 0.2) == "sad"
    assert when.update(said(Emotion.HAPPY, 0.3), 20.0) is None
    assert when.update(said(Emotion.HAPPY, 0.3), 31.0) == "unknown"

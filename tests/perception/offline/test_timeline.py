"""Readings of a file played in its own time."""

import time
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from device.emotions import EMOTIONS, Emotion, Floats
from device.perception.face.tracker import KEEP_S
from device.perception.offline.timeline import build_timeline
from device.readings import FaceReading, VoiceReading
from device.settings.schema import Settings
from tests.builders import face_at


def _shares(emotion: Emotion, rest: float = 0.02) -> Floats:
    shares = np.full(7, rest, np.float32)
    shares[EMOTIONS.index(emotion)] = 1 - 6 * rest
    return shares


def _seen(track: int, *times_s: float, emotion: Emotion = Emotion.HAPPY) -> list[FaceReading]:
    face = replace(face_at(10, 10, 100), track=track)
    return [FaceReading(face, _shares(emotion), 0.9, at_s) for at_s in times_s]


def _heard(*times_s: float) -> list[VoiceReading]:
    """A voice as sure as it has to be without a face."""
    return [VoiceReading(_shares(Emotion.ANGRY, 0.001), 0.9, at_s) for at_s in times_s]


def test_people_come_and_go_in_the_timeline_as_in_the_live_loop() -> None:
    entries, mood = build_timeline(_seen(1, 2.0, 2.1, 2.2), [], 6.0, Settings())
    assert mood is not None
    people = {entry["t_s"]: entry["people"] for entry in entries}
    assert {at: count for at, count in people.items() if at < 2} == {0.0: 0, 1.0: 0}
    assert people[2.0] == 1
    gone_s = min(at for at, count in people.items() if at > 2 and count == 0)
    assert gone_s == pytest.approx(2.2 + KEEP_S, abs=0.11)


@pytest.mark.parametrize("seconds", [0.0, 0.04, 0.3, 0.7, 2.4307, 3.0, 3.05, 6.2999])
def test_a_reading_at_the_very_end_counts(seconds: float) -> None:
    entries, mood = build_timeline([], _heard(seconds), seconds, Settings())
    assert mood is not None
    assert mood.emotion is Emotion.ANGRY
    assert entries[-1]["t_s"] == round(seconds, 2)
    assert entries[-1]["emotion"] == "angry"


def test_a_leap_of_a_films_clock_is_stepped_over() -> None:
    far_s = 200_000.0
    entries, mood = build_timeline(_seen(1, 1.0, 1.1), _heard(far_s), far_s + 2, Settings())
    assert mood is not None
    times_s = [entry["t_s"] for entry in entries]
    assert times_s == sorted(times_s)
    assert len(entries) < 100
    assert {entry["emotion"] for entry in entries if 20 < entry["t_s"] < far_s} == {"unknown"}
    assert next(entry["emotion"] for entry in entries if entry["t_s"] >= far_s) == "angry"


def test_a_person_who_left_before_the_end_counts_in_the_mood_of_the_whole() -> None:
    entries, mood = build_timeline(_seen(1, 1.0, 1.1, 1.2), [], 20.0, Settings())
    assert entries[-1]["emotion"] == "unknown"
    assert mood is not None
    assert (mood.emotion, mood.people) == (Emotion.HAPPY, 1)


def test_half_a_minute_without_anybody_has_an_entry_every_second() -> None:
    entries, _ = build_timeline(_seen(1, 1.0), _heard(31.0), 31.0, Settings())
    assert max(b["t_s"] - a["t_s"] for a, b in pairwise(entries)) <= 1.1


def test_an_hour_takes_sixty_times_a_minute_and_no_more() -> None:
    def cpu_s(seconds: int) -> float:
        readings = _seen(1, *(step / 10 for step in range(seconds * 10)))
        begun_s = time.process_time()
        build_timeline(readings, [], seconds, Settings())
        return time.process_time() - begun_s

    assert cpu_s(3600) < 3 * 60 * cpu_s(60)

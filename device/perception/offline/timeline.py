"""Runs a file's readings through fusion and smoothing as the live loop does, with the file's own time as the clock."""

import math
from collections import deque
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from device.emotions import Emotion
from device.perception.face.tracker import KEEP_S
from device.perception.mood.fusion import Fused, Fusion
from device.perception.mood.smoothing import MoodSmoother
from device.readings import FaceReading, Mood, VoiceReading
from device.settings.schema import Settings

Json = dict[str, Any]

_STEPS_HZ = 10
_ENTRY_S = 1.0
"""The time between two entries while the mood stays the same."""
_MAX_EMPTY_S = 60.0
"""Time without anybody after which the rest is skipped: a film whose clock leaps by days must not fill the list."""


def build_timeline(
    faces: list[FaceReading], voices: list[VoiceReading], seconds: float, settings: Settings
) -> tuple[list[Json], Mood | None]:
    """(timeline, mood of the whole) of a file that lasts `seconds`, from its readings in order of time.

    The mood of the whole comes from all moments averaged, without smoothing.
    """
    if not faces and not voices:
        return [], None
    readings: list[FaceReading | VoiceReading] = [*faces, *voices]
    coming = deque(sorted(readings, key=lambda reading: reading.time_s))
    loop, timeline = _Loop(settings), _Timeline()
    moments: list[Fused] = []
    now_s, step, busy_s = -math.inf, 0, 0.0
    while now_s < seconds:
        # The last window of a sound ends with the sound, so the last moment is the very end, between steps or not.
        now_s = min(step / _STEPS_HZ, seconds)
        while coming and coming[0].time_s <= now_s:
            loop.add(coming.popleft())
        fused, mood = loop.at(now_s)
        timeline.add(now_s, mood)
        if fused.has_reading:
            moments.append(fused)
        if fused.has_reading or mood.people or mood.emotion is not Emotion.UNKNOWN:
            busy_s = now_s
        step += 1
        if now_s - busy_s > _MAX_EMPTY_S:
            next_s = coming[0].time_s if coming else seconds
            step = max(step, math.ceil(next_s * _STEPS_HZ))
    if not moments:
        return timeline.entries, None
    # Based on the last moment with a reading: whoever left before the end still counts.
    average = np.mean([moment.probabilities for moment in moments], axis=0).astype(np.float32)
    whole = replace(moments[-1], probabilities=average)
    people = len({reading.face.track for reading in faces})
    return timeline.entries, MoodSmoother(settings.mood).update(whole, people, seconds)


class _Loop:
    """What the live loop would know at a moment: the past, and nothing of the future."""

    def __init__(self, settings: Settings) -> None:
        self._fusion, self._smoother = Fusion(settings.mood.reading_max_age_s), MoodSmoother(settings.mood)
        self._seen_s: dict[int, float] = {}
        """Track -> when it was last seen."""

    def add(self, reading: FaceReading | VoiceReading) -> None:
        if isinstance(reading, VoiceReading):
            self._fusion.add_voice(reading)
        else:
            self._fusion.add_face(reading)
            self._seen_s[reading.face.track] = reading.time_s

    def at(self, now_s: float) -> tuple[Fused, Mood]:
        self._seen_s = {track: at_s for track, at_s in self._seen_s.items() if now_s - at_s <= KEEP_S}
        fused = self._fusion.now(now_s)
        return fused, self._smoother.update(fused, len(self._seen_s), now_s)


@dataclass
class _Timeline:
    """An entry for each change of the mood or of the number of people, and one every _ENTRY_S."""

    entries: list[Json] = field(default_factory=list)
    _last: tuple[Emotion, int] | None = None
    _last_s: float = -math.inf

    def add(self, now_s: float, mood: Mood) -> None:
        current = mood.emotion, mood.people
        if current != self._last or now_s - self._last_s >= _ENTRY_S:
            self.entries.append({"t_s": round(now_s, 2), "people": mood.people, **mood.as_json(4)})
            self._last, self._last_s = current, now_s

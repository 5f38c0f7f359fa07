"""A file's readings played to fusion and steady as the live loop plays them, the file's own time being the clock."""

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
_SAID_S = 1.0
"""The mood is said so often where it stays, ..."""
_STILL_S = 60.0
"""... and for so long where nobody is: a film whose clock leaps by days is no list of millions."""


def build_timeline(
    seen: list[FaceReading], heard: list[VoiceReading], seconds: float, settings: Settings
) -> tuple[list[Json], Mood | None]:
    """(timeline, mood of the whole) of a file that lasts `seconds`, from its readings in order of time.

    The mood of the whole is that of one long look: all moments joined, unsmoothed.
    """
    if not seen and not heard:
        return [], None
    readings: list[FaceReading | VoiceReading] = [*seen, *heard]
    coming = deque(sorted(readings, key=lambda reading: reading.time_s))
    moment, timeline = _Moment(settings), _Timeline()
    said: list[Fused] = []
    now_s, step, busy_s = -math.inf, 0, 0.0
    while now_s < seconds:
        # A sound's last window ends with the sound: the last moment is the very end, wherever that falls.
        now_s = min(step / _STEPS_HZ, seconds)
        while coming and coming[0].time_s <= now_s:
            moment.take(coming.popleft())
        fused, mood = moment.at(now_s)
        timeline.add(now_s, mood)
        if fused.heard_or_seen:
            said.append(fused)
        if fused.heard_or_seen or mood.people or mood.emotion is not Emotion.UNKNOWN:
            busy_s = now_s
        step += 1
        if now_s - busy_s > _STILL_S:
            next_s = coming[0].time_s if coming else seconds
            step = max(step, math.ceil(next_s * _STEPS_HZ))
    if not said:
        return timeline.entries, None
    # The last that said anything: whoever has left by the end was there all the same.
    whole = replace(said[-1], probabilities=np.mean([one.probabilities for one in said], axis=0).astype(np.float32))
    people = len({reading.face.track for reading in seen})
    return timeline.entries, MoodSmoother(settings.mood).update(whole, people, seconds)


class _Moment:
    """What the live loop would know at one moment: the past, and nothing that is still to come."""

    def __init__(self, settings: Settings) -> None:
        self._fusion, self._steady = Fusion(settings.mood.reading_max_age_s), MoodSmoother(settings.mood)
        self._seen_s: dict[int, float] = {}
        """Track -> when it was last seen."""

    def take(self, reading: FaceReading | VoiceReading) -> None:
        if isinstance(reading, VoiceReading):
            self._fusion.heard(reading)
        else:
            self._fusion.saw(reading)
            self._seen_s[reading.face.track] = reading.time_s

    def at(self, now_s: float) -> tuple[Fused, Mood]:
        self._seen_s = {track: at_s for track, at_s in self._seen_s.items() if now_s - at_s <= KEEP_S}
        fused = self._fusion.now(now_s)
        return fused, self._steady.update(fused, len(self._seen_s), now_s)


@dataclass
class _Timeline:
    """An entry for each change of the mood or of how many are there, and one every _SAID_S."""

    entries: list[Json] = field(default_factory=list)
    _shown: tuple[Emotion, int] | None = None
    _said_s: float = -math.inf

    def add(self, now_s: float, mood: Mood) -> None:
        shown = mood.emotion, mood.people
        if shown != self._shown or now_s - self._said_s >= _SAID_S:
            self.entries.append({"t_s": round(now_s, 2), "people": mood.people, **mood.as_json(4)})
            self._shown, self._said_s = shown, now_s

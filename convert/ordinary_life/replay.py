"""Replays an hour's readings: fusion and smoothing ten times a second, and the hub's rules, on a simulated clock."""

from bisect import bisect_right
from dataclasses import dataclass

import msgspec

from convert.ordinary_life.perceive import Readings
from device.emotions import Emotion
from device.hub.rules.engine import RuleEngine, RuleFired
from device.perception.face.tracker import KEEP_S
from device.perception.mood.fusion import Fused, Fusion
from device.perception.mood.smoothing import MoodSmoother
from device.readings import FaceReading, Mood, VoiceReading
from device.settings.schema import MoodSettings, Settings

_TICK_S = 0.1
"""As `device.sense.pipeline`."""
_HUB_TICK_S = 0.25
"""As `device.hub.hub`."""


@dataclass(frozen=True)
class Moment:
    """One tick of `sense`."""

    time_s: float
    fused: Fused
    people: int


@dataclass(frozen=True)
class Fired:
    """A rule has fired."""

    time_s: float
    rule: str
    moods: tuple[Emotion, ...]
    """Those that the rule fires for."""


@dataclass(frozen=True)
class Change:
    """The mood has changed."""

    time_s: float
    emotion: Emotion
    people: int


@dataclass(frozen=True)
class Outcome:
    """What an hour led to."""

    fired: list[Fired]
    changes: list[Change]


def fuse(readings: Readings, settings: MoodSettings) -> list[Moment]:
    """All ticks of an hour. Ticks without a reading and without people are left out, except for the first of them."""
    coming: list[FaceReading | VoiceReading] = sorted([*readings.faces, *readings.voices], key=lambda r: r.time_s)
    fusion = Fusion(settings.reading_max_age_s)
    seen_s: dict[int, float] = {}
    moments: list[Moment] = []
    at, is_idle = 0, False
    for tick in range(round(readings.length_s / _TICK_S)):
        now_s = tick * _TICK_S
        stop = bisect_right(coming, now_s, lo=at, key=lambda reading: reading.time_s)
        for reading in coming[at:stop]:
            if isinstance(reading, VoiceReading):
                fusion.add_voice(reading)
            else:
                fusion.add_face(reading)
                seen_s[reading.face.track] = reading.time_s
        at = stop
        seen_s = {track: last_s for track, last_s in seen_s.items() if now_s - last_s <= KEEP_S}
        fused = fusion.now(now_s)
        if is_idle and not fused.has_reading and not seen_s:
            continue
        is_idle = not fused.has_reading and not seen_s
        moments.append(Moment(now_s, fused, len(seen_s)))
    return moments


def decide(moments: list[Moment], settings: Settings) -> Outcome:
    """The moods and the rules of an hour under `settings`."""
    smoother, rules = MoodSmoother(settings.mood), RuleEngine(settings.rules)
    fired: list[Fired] = []
    changes: list[Change] = []
    shown: Mood | None = None
    evaluated_s = -_HUB_TICK_S
    for moment in moments:
        mood = smoother.update(moment.fused, moment.people, moment.time_s)
        has_changed = shown is None or mood.emotion is not shown.emotion
        if has_changed:
            changes.append(Change(moment.time_s, mood.emotion, mood.people))
        if has_changed or moment.time_s - evaluated_s >= _HUB_TICK_S - 1e-6:
            evaluated_s = moment.time_s
            events = rules.evaluate(mood, moment.time_s, None)
            fired += [Fired(moment.time_s, e.rule.name, e.rule.mood) for e in events if isinstance(e, RuleFired)]
        shown = mood
    return Outcome(fired, changes)


def with_threshold(settings: Settings, min_confidence: float) -> Settings:
    """`settings` with another `mood.min_confidence`."""
    mood = msgspec.structs.replace(settings.mood, min_confidence=min_confidence)
    return msgspec.structs.replace(settings, mood=mood)

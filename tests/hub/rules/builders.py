"""Rules and moods for the tests of rules."""

from datetime import time

import msgspec

from device.emotions import EMOTIONS, Emotion
from device.readings import Mood
from device.settings.actions.virtual import Lamp
from device.settings.rules import Rule

NOON = time(12)


def feel(emotion: Emotion, confidence: float = 0.8) -> Mood:
    shares = tuple(confidence if e is emotion else (1 - confidence) / 6 for e in EMOTIONS)
    return Mood(emotion, confidence, 0, 0, shares, 1, 0, 0)


SAD, UNKNOWN, HAPPY = feel(Emotion.SAD), feel(Emotion.UNKNOWN), feel(Emotion.HAPPY)


def rule(for_s: float = 5, hours: str = "", cooldown_s: float = 60, min_confidence: float = 0.5) -> Rule:
    return Rule("r", (Emotion.SAD, Emotion.FEAR), (Lamp(),), for_s, min_confidence, hours, cooldown_s)


def when(**conditions: object) -> Rule:
    return msgspec.convert({"name": "r", "do": [{"action": "lamp"}], "for_s": 0, **conditions}, Rule)

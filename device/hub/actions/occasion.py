"""Why an action runs, and how the room feels then: what a webhook and a command are told."""

from typing import Any

from msgspec import Struct

from device.emotions import EMOTIONS
from device.hub.state import iso
from device.readings import Mood


class Occasion(Struct, frozen=True):
    """One firing of a rule."""

    rule: str
    """Its name."""
    why: str
    """For a person: `sad 71 % for 5 s`."""
    time_utc_s: float
    """Seconds of UTC since 1970."""
    mood: Mood | None = None
    """None where nobody is there."""

    def as_json(self) -> dict[str, Any]:
        """`rule`, `why`, `time` (ISO 8601 in UTC) and `mood`, null or with every probability by name."""
        return {"rule": self.rule, "why": self.why, "time": iso(self.time_utc_s), "mood": _mood(self.mood)}


def _mood(mood: Mood | None) -> dict[str, Any] | None:
    if mood is None:
        return None
    return {
        "emotion": mood.emotion.value,
        "confidence": round(mood.confidence, 4),
        "valence": round(mood.valence, 4),
        "arousal": round(mood.arousal, 4),
        "people": mood.people,
        "probabilities": {e.value: round(p, 4) for e, p in zip(EMOTIONS, mood.probabilities, strict=True)},
    }

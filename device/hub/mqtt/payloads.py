"""What the broker is told: the documents of PREFIX/NAME/state and PREFIX/NAME/event."""

from device.hub.state.features import FEATURES, Feature, Value, rounded
from device.hub.state.snapshot import Json, Snapshot, iso, on_off
from device.readings import Mood, SenseReading

LATE_S = 5.0
"""An event told later than this after it happened says so."""


def state_document(now: Snapshot) -> Json:
    """The retained state: every feature that has one, and what is nested."""
    mood = now.mood
    return {feature.told_as: _plain(feature, feature.value(now)) for feature in FEATURES if feature.has_state} | {
        "probabilities": mood.as_json(2)["probabilities"] if mood else None,
        "face": _said(mood.face if mood else None),
        "voice": _said(mood.voice if mood else None),
        "sense": "available" if now.available else "away",
        "problem": "; ".join(now.problems()) or None,
        "lamp": now.lamp,
        "player": now.player,
    }


def event_document(mood: Mood, time_utc_s: float, event_id: str = "", late_s: float = 0.0) -> Json:
    """One change of mood. `time` is when it happened, ISO 8601 in UTC.

    `id` is the same whenever the same change is told; left out when empty. `late_s` is how long after it happened it
    is told, and is there only when that is over LATE_S: nothing should be triggered by it any more.
    """
    numbers = mood.as_json(2, with_people=True)
    numbers |= {"valence": rounded(mood.valence), "arousal": rounded(mood.arousal)}  # never -0.0
    said: Json = {
        "event_type": numbers.pop("emotion"),
        "time": iso(time_utc_s),
        **numbers,
        "face": _said(mood.face),
        "voice": _said(mood.voice),
    }
    said |= {"id": event_id} if event_id else {}
    return said | ({"late_s": round(late_s, 1)} if late_s > LATE_S else {})


def _plain(feature: Feature, value: Value) -> Value:
    """A feature's value as JSON that Home Assistant understands."""
    if isinstance(value, bool):
        return on_off(value)
    if feature.device_class == "timestamp" and isinstance(value, int | float):
        return iso(value)
    return value


def _said(said: SenseReading | None) -> Json | None:
    return None if said is None else {"emotion": said.emotion.value, "confidence": rounded(said.confidence)}

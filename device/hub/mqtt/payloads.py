"""The JSON documents for the broker: PREFIX/NAME/state and PREFIX/NAME/event."""

from device.hub.state.features import FEATURES, Feature, Value, round_value
from device.hub.state.snapshot import Json, Snapshot, format_iso
from device.readings import Mood, SenseReading

LATE_S = 5.0
"""An event that is published later than this after it happened says so."""


def build_state_document(now: Snapshot) -> Json:
    """The retained state: the state of every feature that has one, and the nested values."""
    mood = now.mood
    return {feature.state_key: _as_json(feature, feature.value(now)) for feature in FEATURES if feature.has_state} | {
        "probabilities": mood.as_json(2)["probabilities"] if mood else None,
        "face": _reading_json(mood.face if mood else None),
        "voice": _reading_json(mood.voice if mood else None),
        "sense": "available" if now.available else "away",
        "problem": "; ".join(now.problems()) or None,
        "lamp": now.lamp,
        "player": now.player,
    }


def build_event_document(
    mood: Mood,
    time_utc_s: float,
    event_id: str = "",
    late_s: float = 0.0,
    *,
    number: int | None = None,
    is_again: bool = False,
) -> Json:
    """One change of mood. `time` is when it happened, ISO 8601 in UTC.

    `id` is the same whenever the same change is published; it is left out when empty. So is `number`, which is larger
    than that of every earlier change; it is left out while the history cannot be written. `again`: the change may have
    been published before, because hub was killed before it knew. `late_s` is the age of the change when it is
    published. It is left out up to LATE_S; beyond that, no automation should act on the event.
    """
    numbers = mood.as_json(2, with_people=True)
    numbers |= {"valence": round_value(mood.valence), "arousal": round_value(mood.arousal)}  # never -0.0
    event: Json = {
        "event_type": numbers.pop("emotion"),
        "time": format_iso(time_utc_s),
        **numbers,
        "face": _reading_json(mood.face),
        "voice": _reading_json(mood.voice),
    }
    event |= {"id": event_id} if event_id else {}
    event |= {} if number is None else {"number": number}
    event |= {"again": True} if is_again else {}
    return event | ({"late_s": round(late_s, 1)} if late_s > LATE_S else {})


def _as_json(feature: Feature, value: Value) -> Value:
    """A feature's value in a form that Home Assistant understands."""
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if feature.device_class == "timestamp" and isinstance(value, int | float):
        return format_iso(value)
    return value


def _reading_json(reading: SenseReading | None) -> Json | None:
    return {"emotion": reading.emotion.value, "confidence": round_value(reading.confidence)} if reading else None

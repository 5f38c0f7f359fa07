"""What the broker is told: the documents of PREFIX/NAME/state and PREFIX/NAME/event, made from a snapshot."""

from device.emotions import EMOTIONS
from device.hub.state import Json, Snapshot, iso, on_off
from device.readings import Mood, Said


def state_document(now: Snapshot) -> Json:
    """The retained state. Shares are rounded to 0.01, so that a mood at rest is published once."""
    mood, health = now.mood, now.health if now.available else None
    return {
        "mood": mood.emotion.value if mood else None,
        "confidence": _round(mood.confidence if mood else None),
        "valence": _round(mood.valence if mood else None),
        "arousal": _round(mood.arousal if mood else None),
        "people": mood.people if mood else None,
        "presence": on_off(mood.people > 0 if mood else None),
        "probabilities": _probabilities(mood) if mood else None,
        "face": _said(mood.face if mood else None),
        "voice": _said(mood.voice if mood else None),
        "sense": "available" if now.available else "away",
        "camera": on_off(health.camera_on if health else None),
        "microphone": on_off(health.microphone_on if health else None),
        "paused": on_off(health.paused if health else None),
        "problem": "; ".join(now.problems()) or None,
        "lamp": now.lamp,
        "player": now.player,
    }


def event_document(mood: Mood, time_utc_s: float) -> Json:
    """One change of mood; `time` is ISO 8601 in UTC."""
    return {
        "event_type": mood.emotion.value,
        "time": iso(time_utc_s),
        "confidence": _round(mood.confidence),
        "valence": _round(mood.valence),
        "arousal": _round(mood.arousal),
        "people": mood.people,
        "probabilities": _probabilities(mood),
        "face": _said(mood.face),
        "voice": _said(mood.voice),
    }


def _probabilities(mood: Mood) -> Json:
    return {e.value: _round(p) for e, p in zip(EMOTIONS, mood.probabilities, strict=True)}


def _said(said: Said | None) -> Json | None:
    return None if said is None else {"emotion": said.emotion.value, "confidence": _round(said.confidence)}


def _round(share: float | None) -> float | None:
    # `+ 0.0` makes -0.0 plain.
    return None if share is None else round(share, 2) + 0.0

"""Formats durations, moods and counts for people to read."""

from collections.abc import Iterable


def format_duration(seconds: float) -> str:
    """`5 s`, `2 min`, `1 min 30 s`, `1 h 5 min`: at most two parts."""
    if seconds < 60:
        return f"{round(seconds, 1):g} s" if seconds < 10 else f"{seconds:.0f} s"
    whole = round(seconds)
    parts = [(whole // 3600, "h"), (whole % 3600 // 60, "min"), (whole % 60, "s")]
    return " ".join([f"{n} {unit}" for n, unit in parts if n][:2])


def format_people(count: int) -> str:
    """`1 person`, `3 people`."""
    return "1 person" if count == 1 else f"{count} people"


def format_mood(emotion: str, confidence: float, senses: Iterable[tuple[str, str, float]], people: int) -> str:
    """`sad 71 % (face sad 64 %, voice sad 80 %), 1 person`. `senses`: (name, emotion, confidence)."""
    parts = ", ".join(f"{name} {felt} {100 * sure:.0f} %" for name, felt, sure in senses)
    return f"{emotion} {100 * confidence:.0f} %{f' ({parts})' if parts else ''}, {format_people(people)}"

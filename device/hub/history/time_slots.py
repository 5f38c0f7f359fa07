"""The history by time slots: for how long each mood held in each hour of a week, or each five minutes of a day."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from device.emotions import Emotion
from device.hub.history.rows import BLIND, Entry

MAX_SLOTS = 2_500
BEFORE_S = 86_400.0
"""So long before the first slot is read too: a mood that began there may reach into it."""


class Slot(Struct, frozen=True):
    """Seconds of each mood; `nobody` is in view or `unseen`: nothing is known, for Mien was away or saw nothing."""

    start_s: float
    """Seconds of UTC since 1970."""
    mood: dict[str, float]
    """Of the moods that held at all, `unknown` among them."""
    nobody: float
    unseen: float


def slots(entries: Iterable[Entry], since_s: float, until_s: float, step_s: float) -> list[Slot]:
    """The slots from `since_s` to `until_s`, from entries in order of time. Raises ValueError for too many."""
    if not step_s > 0 or not since_s < until_s or (until_s - since_s) / step_s > MAX_SLOTS:
        raise ValueError(f"1 to {MAX_SLOTS} slots can be told, in order of time")
    count = -int(-(until_s - since_s) // step_s)
    found: list[dict[str, float]] = [{} for _ in range(count)]
    for name, begin_s, end_s in _stretches(entries, until_s):
        position = max(int((begin_s - since_s) // step_s), 0)
        while position < count and (start_s := since_s + position * step_s) < end_s:
            held_s = min(end_s, start_s + step_s) - max(begin_s, start_s)
            if held_s > 0:
                found[position][name] = found[position].get(name, 0.0) + held_s
            position += 1
    starts = [since_s + i * step_s for i in range(count)]
    return [_slot(s, min(step_s, until_s - s), held) for s, held in zip(starts, found, strict=True)]


def _stretches(entries: Iterable[Entry], until_s: float) -> Iterator[tuple[str, float, float]]:
    """(Mood, `nobody` or `unseen`; from; until), each until the next one begins."""
    name, begin_s = "", 0.0
    blind: list[tuple[float, float]] = []
    for entry in entries:
        if entry.kind == "action":
            continue
        if entry.kind == "gap" and entry.why == BLIND:
            # It begins before the end of what it lies in, and so is here before that is told.
            blind.append((entry.time_s, entry.time_s if entry.until_s is None else entry.until_s))
            continue
        if name and entry.time_s > begin_s:
            yield from _seen(name, begin_s, min(entry.time_s, until_s), blind)
        if entry.kind == "gap":
            # A sense that came anew says at once how it is; one that only hub had left has changed nothing since.
            name, begin_s = (name, entry.until_s) if entry.until_s is not None else ("", entry.time_s)
        else:
            empty = entry.emotion == Emotion.UNKNOWN and not entry.people
            name, begin_s = "nobody" if empty else entry.emotion or "", entry.time_s
    if name:
        yield from _seen(name, begin_s, until_s, blind)


def _seen(
    name: str, begin_s: float, end_s: float, blind: list[tuple[float, float]]
) -> Iterator[tuple[str, float, float]]:
    """A stretch; of one with nobody there, the parts in which the camera would have seen somebody."""
    if name != "nobody":
        yield name, begin_s, end_s
        return
    for dark_s, light_s in sorted(blind):
        if begin_s < min(dark_s, end_s):
            yield name, begin_s, min(dark_s, end_s)
        begin_s = max(begin_s, light_s)
    if begin_s < end_s:
        yield name, begin_s, end_s
    blind[:] = [one for one in blind if one[1] > end_s]


def _slot(start_s: float, length_s: float, held: dict[str, float]) -> Slot:
    known_s = sum(held.values())
    mood = {name: round(seconds, 1) for name, seconds in sorted(held.items()) if name != "nobody"}
    return Slot(round(start_s, 3), mood, round(held.get("nobody", 0.0), 1), round(max(length_s - known_s, 0.0), 1))

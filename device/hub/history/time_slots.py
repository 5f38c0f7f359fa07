"""The history in time slots: how long each mood lasted in each hour of a week, or in each five minutes of a day."""

from collections.abc import Iterable, Iterator

from msgspec import Struct

from device.emotions import Emotion
from device.hub.history.rows import BLIND, Entry

MAX_SLOTS = 2_500
LOOK_BACK_S = 86_400.0
"""Read the history from this long before the first slot: a mood that began there may reach into it."""


class Slot(Struct, frozen=True):
    """Seconds of each mood, of `nobody` in view, and of `unseen`: Mien was away or saw nothing."""

    start_s: float
    """UTC seconds since 1970."""
    mood: dict[str, float]
    """Only the moods that occurred; `unknown` may be among them."""
    nobody: float
    unseen: float


def split_into_slots(entries: Iterable[Entry], since_s: float, until_s: float, step_s: float) -> list[Slot]:
    """The slots from `since_s` to `until_s`, from entries in order of time. Raises ValueError for too many."""
    if not step_s > 0 or not since_s < until_s or (until_s - since_s) / step_s > MAX_SLOTS:
        raise ValueError(f"ask for 1 to {MAX_SLOTS} slots, with the start before the end")
    count = -int(-(until_s - since_s) // step_s)
    seconds: list[dict[str, float]] = [{} for _ in range(count)]
    for name, start_s, end_s in _split_into_periods(entries, until_s):
        position = max(int((start_s - since_s) // step_s), 0)
        while position < count and (slot_start_s := since_s + position * step_s) < end_s:
            overlap_s = min(end_s, slot_start_s + step_s) - max(start_s, slot_start_s)
            if overlap_s > 0:
                seconds[position][name] = seconds[position].get(name, 0.0) + overlap_s
            position += 1
    starts = [since_s + i * step_s for i in range(count)]
    return [_build_slot(s, min(step_s, until_s - s), moods) for s, moods in zip(starts, seconds, strict=True)]


def _split_into_periods(entries: Iterable[Entry], until_s: float) -> Iterator[tuple[str, float, float]]:
    """(Mood or `nobody`, start, end) of each period; times without a period are unknown."""
    name, start_s = "", 0.0
    blind: list[tuple[float, float]] = []
    for entry in entries:
        if entry.kind == "action":
            continue
        if entry.kind == "gap" and entry.why == BLIND:
            # It starts before the enclosing period ends, so it gets here before that period is yielded.
            blind.append((entry.time_s, entry.time_s if entry.until_s is None else entry.until_s))
            continue
        if name and entry.time_s > start_s:
            yield from _cut_blind(name, start_s, min(entry.time_s, until_s), blind)
        if entry.kind == "gap":
            # A new sense reports its mood at once. If only hub was away, the mood has not changed meanwhile.
            name, start_s = (name, entry.until_s) if entry.until_s is not None else ("", entry.time_s)
        else:
            is_empty = entry.emotion == Emotion.UNKNOWN and not entry.people
            name, start_s = "nobody" if is_empty else entry.emotion or "", entry.time_s
    if name:
        yield from _cut_blind(name, start_s, until_s, blind)


def _cut_blind(
    name: str, start_s: float, end_s: float, blind: list[tuple[float, float]]
) -> Iterator[tuple[str, float, float]]:
    """The period; if it is `nobody`, only the parts in which the camera would have seen somebody."""
    if name != "nobody":
        yield name, start_s, end_s
        return
    for blind_start_s, blind_end_s in sorted(blind):
        if start_s < min(blind_start_s, end_s):
            yield name, start_s, min(blind_start_s, end_s)
        start_s = max(start_s, blind_end_s)
    if start_s < end_s:
        yield name, start_s, end_s
    blind[:] = [gap for gap in blind if gap[1] > end_s]


def _build_slot(start_s: float, length_s: float, seconds: dict[str, float]) -> Slot:
    unseen_s = max(length_s - sum(seconds.values()), 0.0)
    mood = {name: round(value, 1) for name, value in sorted(seconds.items()) if name != "nobody"}
    return Slot(round(start_s, 3), mood, round(seconds.get("nobody", 0.0), 1), round(unseen_s, 1))

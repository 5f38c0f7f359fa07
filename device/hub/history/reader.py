"""Reading the history, while hub runs or not: for `mien history` and the page. Gaps are part of every answer."""

import heapq
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import chain
from pathlib import Path
from typing import TypeVar

import msgspec

from device.errors import MienError
from device.hub.history.database import FILE_NAME
from device.hub.history.rows import ALIVE_S, Entry

_T = TypeVar("_T")
_MOODS = "SELECT * FROM moods WHERE time_s >= ? ORDER BY time_s DESC, id DESC LIMIT ?"
_ACTIONS = "SELECT * FROM actions WHERE time_s >= ? ORDER BY time_s DESC, id DESC LIMIT ?"
_GAPS = "SELECT * FROM gaps WHERE until_s IS NULL OR until_s >= ? ORDER BY time_s DESC, id DESC LIMIT ?"
_COURSE = "SELECT time_s, emotion, people FROM moods WHERE time_s >= ? ORDER BY time_s, id"


def read(state_dir: Path, since_s: float | None = None, most: int = 100_000) -> list[Entry]:
    """Everything at or after `since_s` (seconds of UTC since 1970; None: all), oldest first, at most the newest `most`.

    Where older ones are left out for that, the first entry is a gap that says so. A gap that reaches over `since_s` is
    in it. If hub was killed and is still away, the last entry is a gap that lasts. No file yet is an empty list.
    Raises MienError when the file cannot be read.
    """
    since = since_s if since_s is not None else -1e18
    with _opened(state_dir) as db:
        if db is None:
            return []
        # One more than is wanted tells whether there are more.
        moods = db.execute(_MOODS, (since, most + 1)).fetchall()
        actions = db.execute(_ACTIONS, (since, most + 1)).fetchall()
        gaps = db.execute(_GAPS, (since, most + 1)).fetchall()
        night = _night(db)
    entries = [*map(mood_entry, reversed(moods)), *map(_action, reversed(actions)), *map(_gap, reversed(gaps))]
    entries.sort(key=_place)
    entries += night
    if len(entries) <= most:
        return entries
    kept = entries[-most:]
    begin_s = kept[0].time_s if since_s is None else min(since_s, kept[0].time_s)
    why = f"more than {most} rows: older ones are left out here; ask since a later time"
    return [Entry("gap", begin_s, until_s=kept[0].time_s, why=why), *kept]


def over(state_dir: Path, since_s: float, use: Callable[[Iterable[Entry]], _T]) -> _T:
    """What `use` makes of all moods and gaps at or after `since_s`, oldest first, however many: one at a time.

    Of a mood: when, which, and how many people. Raises MienError when the file cannot be read.
    """
    with _opened(state_dir) as db:
        if db is None:
            return use(())
        moods = (Entry("mood", at, emotion=emotion, people=n) for at, emotion, n in db.execute(_COURSE, (since_s,)))
        gaps = sorted(map(_gap, reversed(db.execute(_GAPS, (since_s, -1)).fetchall())), key=_place)
        return use(chain(heapq.merge(moods, gaps, key=_place), _night(db)))


@contextmanager
def _opened(state_dir: Path) -> Iterator[sqlite3.Connection | None]:
    """The file, for reading; None while there is none. Raises MienError for what cannot be read within the block."""
    path = state_dir / FILE_NAME
    if not path.exists():
        yield None
        return
    try:
        with closing(sqlite3.connect(path, timeout=2.0)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA query_only = 1")
            yield db if db.execute("PRAGMA user_version").fetchone()[0] else None  # hub has just made it
    except sqlite3.Error as error:
        raise MienError(f"{path}: the history cannot be read ({error})") from error


def _night(db: sqlite3.Connection) -> list[Entry]:
    """The gap that lasts since hub was killed, if it was and is still away."""
    alive = db.execute("SELECT time_s FROM alive").fetchone()
    still_open = db.execute("SELECT 1 FROM gaps WHERE until_s IS NULL").fetchone()
    if alive and not still_open and time.time() - alive[0] > 3 * ALIVE_S:
        return [Entry("gap", alive[0], why="hub was away")]
    return []


def _place(entry: Entry) -> tuple[float, int]:
    """In order of time; at the same time a gap follows the mood that it begins after, and precedes one it ends with."""
    if entry.kind == "gap":
        return entry.time_s, 0 if entry.until_s == entry.time_s else 3
    return entry.time_s, 1 if entry.kind == "mood" else 2


def mood_entry(row: sqlite3.Row) -> Entry:
    """A row of `moods`."""
    fields = {key: row[key] for key in row.keys() if key not in ("id", "session", "seq", "probabilities")}  # noqa: SIM118
    return Entry("mood", probabilities=msgspec.json.decode(row["probabilities"]), **fields)


def _action(row: sqlite3.Row) -> Entry:
    return Entry("action", row["time_s"], rule=row["rule"], action=row["action"], result=row["result"])


def _gap(row: sqlite3.Row) -> Entry:
    return Entry("gap", row["time_s"], until_s=row["until_s"], why=row["why"])

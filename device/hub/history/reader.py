"""Read the history, whether hub runs or not: for `mien history` and the page. Every answer includes the gaps."""

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
from device.hub.history.redaction import redact_stored
from device.hub.history.rows import ALIVE_S, Entry

_T = TypeVar("_T")
_MOODS = "SELECT * FROM moods WHERE time_s >= ? ORDER BY time_s DESC, id DESC LIMIT ?"
_ACTIONS = "SELECT * FROM actions WHERE time_s >= ? ORDER BY time_s DESC, id DESC LIMIT ?"
_GAPS = "SELECT * FROM gaps WHERE until_s IS NULL OR until_s >= ? ORDER BY time_s DESC, id DESC LIMIT ?"
_ALL_MOODS = "SELECT * FROM moods WHERE time_s >= ? ORDER BY time_s, id"
_ALL_ACTIONS = "SELECT * FROM actions WHERE time_s >= ? ORDER BY time_s, id"
_COURSE = "SELECT time_s, emotion, people FROM moods WHERE time_s >= ? ORDER BY time_s, id"


def read(state_dir: Path, since_s: float | None = None, max_rows: int = 100_000) -> list[Entry]:
    """The newest `max_rows` entries at or after `since_s` (UTC seconds since 1970; None: all), oldest first.

    If older entries are left out because of `max_rows`, the first entry is a gap that says so. A gap that overlaps
    `since_s` is included. If hub was killed and is still down, the last entry is an open gap. Without a file the list
    is empty. Raises MienError when the file cannot be read.
    """
    since = since_s if since_s is not None else -1e18
    with _open(state_dir) as db:
        if db is None:
            return []
        tables = ((_MOODS, read_mood), (_ACTIONS, _read_action), (_GAPS, _read_gap))
        limits = (since, max_rows + 1)  # one row more than wanted shows whether there are more
        entries = [parse(row) for query, parse in tables for row in reversed(db.execute(query, limits).fetchall())]
        entries = [*sorted(entries, key=_sort_key), *_read_downtime(db)]
    if len(entries) <= max_rows:
        return entries
    newest = entries[-max_rows:]
    start_s = newest[0].time_s if since_s is None else min(since_s, newest[0].time_s)
    why = f"more than {max_rows} rows: older ones are left out here; ask since a later time"
    return [Entry("gap", start_s, until_s=newest[0].time_s, why=why), *newest]


def iterate(state_dir: Path, since_s: float) -> Iterator[Entry]:
    """Every entry at or after `since_s`, as `read` gives them, but one by one: a long history takes no memory.

    Different threads may take them, one at a time. Raises MienError when the file cannot be read.
    """
    with _open(state_dir) as db:
        if db is None:
            return
        moods = map(read_mood, db.execute(_ALL_MOODS, (since_s,)))
        actions = map(_read_action, db.execute(_ALL_ACTIONS, (since_s,)))
        gaps = sorted(map(_read_gap, reversed(db.execute(_GAPS, (since_s, -1)).fetchall())), key=_sort_key)
        yield from heapq.merge(moods, actions, gaps, key=_sort_key)
        yield from _read_downtime(db)


def stream(state_dir: Path, since_s: float, consume: Callable[[Iterable[Entry]], _T]) -> _T:
    """Pass all moods and gaps at or after `since_s` to `consume`, oldest first, and return its result.

    Entries are read one by one, so a long history takes no memory. A mood has only its time, its emotion and the number
    of people. Raises MienError when the file cannot be read.
    """
    with _open(state_dir) as db:
        if db is None:
            return consume(())
        moods = (Entry("mood", at, emotion=emotion, people=n) for at, emotion, n in db.execute(_COURSE, (since_s,)))
        gaps = sorted(map(_read_gap, reversed(db.execute(_GAPS, (since_s, -1)).fetchall())), key=_sort_key)
        return consume(chain(heapq.merge(moods, gaps, key=_sort_key), _read_downtime(db)))


@contextmanager
def _open(state_dir: Path) -> Iterator[sqlite3.Connection | None]:
    """The file, for reading; None if there is none. Raises MienError for every SQLite error inside the block."""
    path = state_dir / FILE_NAME
    if not path.exists():
        yield None
        return
    try:
        with closing(sqlite3.connect(path, timeout=2.0, check_same_thread=False)) as db:
            db.row_factory = sqlite3.Row
            db.execute("PRAGMA query_only = 1")
            yield db if db.execute("PRAGMA user_version").fetchone()[0] else None  # hub has only just created it
    except sqlite3.Error as error:
        raise MienError(f"{path}: the history cannot be read ({error})") from error


def _read_downtime(db: sqlite3.Connection) -> list[Entry]:
    """The gap since hub was killed, if it is still down."""
    alive = db.execute("SELECT time_s FROM alive").fetchone()
    open_gap = db.execute("SELECT 1 FROM gaps WHERE until_s IS NULL").fetchone()
    if alive and not open_gap and time.time() - alive[0] > 3 * ALIVE_S:
        return [Entry("gap", alive[0], why="hub was away")]
    return []


def _sort_key(entry: Entry) -> tuple[float, int]:
    """By time. At the same time a gap follows the mood before it, and a gap of no length precedes the mood after it."""
    if entry.kind == "gap":
        return entry.time_s, 0 if entry.until_s == entry.time_s else 3
    return entry.time_s, 1 if entry.kind == "mood" else 2


def read_mood(row: sqlite3.Row) -> Entry:
    """The entry of a row of `moods`."""
    fields = {key: row[key] for key in row.keys() if key not in ("id", "session", "seq", "probabilities")}  # noqa: SIM118
    return Entry("mood", probabilities=msgspec.json.decode(row["probabilities"]), **fields)


def _read_action(row: sqlite3.Row) -> Entry:
    return Entry("action", row["time_s"], rule=row["rule"], action=redact_stored(row["action"]), result=row["result"])


def _read_gap(row: sqlite3.Row) -> Entry:
    return Entry("gap", row["time_s"], until_s=row["until_s"], why=row["why"])

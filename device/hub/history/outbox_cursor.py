"""What of the history has not been told yet: the outbox's questions to the file. All of it blocks."""

import sqlite3

from device.hub.history.reader import mood_entry
from device.hub.history.rows import MoodRow

_SESSIONS = "SELECT session, seq FROM sessions ORDER BY time_s DESC LIMIT ?"
_LAST = "SELECT max(id) FROM moods WHERE session = ? AND seq <= ?"
_UNTOLD = "SELECT * FROM moods WHERE id > ? ORDER BY id LIMIT ?"


def begin(db: sqlite3.Connection, most: int = 100) -> dict[str, int]:
    """The newest change of each of the last sessions. What was stored while there was no broker counts as told."""
    db.execute("UPDATE told SET mood = (SELECT coalesce(max(id), 0) FROM moods) WHERE mood < 0")
    return dict(reversed(db.execute(_SESSIONS, (most,)).fetchall()))


def no_broker(db: sqlite3.Connection) -> None:
    """From now on nothing is told, and nothing of it will be told later."""
    db.execute("UPDATE told SET mood = -1")


def untold(db: sqlite3.Connection, after: tuple[str, int] | None, most: int) -> list[MoodRow]:
    """The changes after (session, seq), in order; None: after the newest that the file knows to be told."""
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    last: int | None = db.execute(_LAST, after).fetchone()[0] if after else None
    if last is None:
        last = db.execute("SELECT mood FROM told").fetchone()[0]
    rows = cursor.execute(_UNTOLD, (last, most)).fetchall()
    return [MoodRow(row["session"], row["seq"], mood_entry(row)) for row in rows]

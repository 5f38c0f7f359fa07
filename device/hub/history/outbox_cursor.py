"""The outbox's cursor in the history's file: which changes the broker does not have yet. All functions block."""

import sqlite3

from device.hub.history.reader import read_mood
from device.hub.history.rows import MoodRow

_SESSIONS = "SELECT session, seq FROM sessions ORDER BY time_s DESC LIMIT ?"
_LAST = "SELECT max(id) FROM moods WHERE session = ? AND seq <= ?"
_UNDELIVERED = "SELECT * FROM moods WHERE id > ? ORDER BY id LIMIT ?"


def enable(db: sqlite3.Connection, max_sessions: int = 100) -> dict[str, int]:
    """The newest change of each of the last sessions. Changes from a time without a broker count as delivered."""
    db.execute("UPDATE told SET mood = (SELECT coalesce(max(id), 0) FROM moods) WHERE mood < 0")
    return dict(reversed(db.execute(_SESSIONS, (max_sessions,)).fetchall()))


def disable(db: sqlite3.Connection) -> None:
    """Without a broker: changes from now on are never delivered."""
    db.execute("UPDATE told SET mood = -1")


def read_undelivered(db: sqlite3.Connection, after: tuple[str, int] | None, max_rows: int) -> list[tuple[int, MoodRow]]:
    """(number, change) of the changes after (session, seq), in order.

    None: after the newest one that the file knows as delivered.
    """
    cursor = db.cursor()
    cursor.row_factory = sqlite3.Row
    last: int | None = db.execute(_LAST, after).fetchone()[0] if after else None
    if last is None:
        last = db.execute("SELECT mood FROM told").fetchone()[0]
    rows = cursor.execute(_UNDELIVERED, (last, max_rows)).fetchall()
    return [(row["id"], MoodRow(row["session"], row["seq"], read_mood(row))) for row in rows]


def read_last_number(db: sqlite3.Connection) -> int:
    """The number of the newest change that was ever stored."""
    last: int = db.execute("SELECT last FROM numbers").fetchone()[0]
    return last

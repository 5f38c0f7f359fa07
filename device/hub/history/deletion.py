"""Forgetting: what was remembered since a time leaves the file for good, while hub runs or not."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from device.errors import MienError
from device.hub.history.database import AFTER_DELETING, FILE_NAME

_LOCKED_S = 10.0
"""How long a running hub may hold the file."""
_SINCE = (
    "DELETE FROM moods WHERE time_s >= ?",
    "DELETE FROM actions WHERE time_s >= ?",
    "DELETE FROM gaps WHERE time_s >= ?",
)


class Forgotten(Struct, frozen=True):
    """How many rows went."""

    moods: int = 0
    actions: int = 0
    gaps: int = 0
    aside: tuple[str, ...] = ()
    """Damaged files that were put aside and are still there, or with everything were deleted."""


def forget(state_dir: Path, since_s: float | None) -> Forgotten:
    """Delete moods, actions and gaps of `since_s` (seconds of UTC since 1970; None: all) and later.

    Nothing of them is left in the file's pages nor beside it. The sessions' numbers stay, so that what sense sends
    again is not stored again; what had not been told to the broker yet is never told. With None, damaged files that
    were put aside are deleted too. Raises MienError.
    """
    aside = sorted(state_dir.glob("history-damaged-*"))
    path = state_dir / FILE_NAME
    try:
        if since_s is None:
            for file in aside:
                file.unlink()
        counts = _delete(path, -1e18 if since_s is None else since_s) if path.exists() else (0, 0, 0)
    except (sqlite3.Error, OSError) as error:
        raise MienError(f"{path}: not everything was forgotten ({error}); try again") from error
    return Forgotten(*counts, tuple(file.name for file in aside))


def _delete(path: Path, since_s: float) -> tuple[int, int, int]:
    with closing(sqlite3.connect(path, timeout=_LOCKED_S, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("BEGIN IMMEDIATE")
        moods, actions, gaps = (db.execute(statement, (since_s,)).rowcount for statement in _SINCE)
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'told'").fetchone():
            db.execute(AFTER_DELETING)
        db.execute("COMMIT")
        db.execute("VACUUM")
        # The log holds the old pages until it is emptied; a reader of this moment keeps it for a moment.
        end_s = time.monotonic() + _LOCKED_S
        while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > end_s:
                raise sqlite3.OperationalError("somebody reads the file all the time")
            time.sleep(0.05)
    return moods, actions, gaps

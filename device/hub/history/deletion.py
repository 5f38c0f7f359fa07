"""Deleting from the history: rows since a time leave the file for good, whether hub runs or not."""

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from msgspec import Struct

from device.errors import MienError
from device.hub.history.database import FILE_NAME

LOCK_TIMEOUT_S = 10.0
"""How long another program may lock the file."""
_DELETE = [f"DELETE FROM {table} WHERE time_s >= ?" for table in ("moods", "actions", "gaps")]  # noqa: S608 - constants


class DeletedRows(Struct, frozen=True):
    """How many rows were deleted."""

    moods: int = 0
    actions: int = 0
    gaps: int = 0
    damaged_files: tuple[str, ...] = ()
    """Damaged files that were moved aside earlier: still there, or deleted if everything was."""


def forget(state_dir: Path, since_s: float | None, *, lock_timeout_s: float = LOCK_TIMEOUT_S) -> DeletedRows:
    """Delete moods, actions and gaps of `since_s` (UTC seconds since 1970; None: all) and later.

    No trace of them stays in the file's pages or beside it. The sessions' numbers stay, so a change that sense sends
    again is not stored again. Changes that the broker does not have yet are never sent. With None, damaged files
    that were moved aside are deleted too. Raises MienError.
    """
    damaged = sorted(state_dir.glob("history-damaged-*"))
    path = state_dir / FILE_NAME
    try:
        if since_s is None:
            for file in damaged:
                file.unlink()
        start_s = -1e18 if since_s is None else since_s
        counts = _delete(path, start_s, lock_timeout_s) if path.exists() else (0, 0, 0)
    except (sqlite3.Error, OSError) as error:
        raise MienError(f"{path}: not everything was deleted ({error}); try again") from error
    return DeletedRows(*counts, tuple(file.name for file in damaged))


def _delete(path: Path, since_s: float, lock_timeout_s: float) -> tuple[int, int, int]:
    with closing(sqlite3.connect(path, timeout=lock_timeout_s, isolation_level=None)) as db:
        db.execute("PRAGMA secure_delete = ON")
        db.execute("BEGIN IMMEDIATE")
        moods, actions, gaps = (db.execute(statement, (since_s,)).rowcount for statement in _DELETE)
        db.execute("COMMIT")
        db.execute("VACUUM")
        # The write-ahead log keeps the old pages until it is truncated. A reader can delay that for a moment.
        end_s = time.monotonic() + lock_timeout_s
        while db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]:
            if time.monotonic() > end_s:
                raise sqlite3.OperationalError("another program keeps reading the file")
            time.sleep(0.05)
    return moods, actions, gaps

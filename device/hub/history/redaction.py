"""Actions in the history: earlier versions stored secret addresses and the arguments of programs with them."""

import sqlite3

import msgspec

from device.settings.actions.registry import AnyAction

_SUSPECT = "SELECT id, action FROM actions WHERE action LIKE '%\"webhook\"%' OR action LIKE '%\"command\"%'"


def redact_stored(action: str) -> str:
    """An action's JSON without what may be a secret; only its kind if it is one of an earlier version."""
    if '"webhook"' not in action and '"command"' not in action:
        return action
    try:
        return msgspec.json.encode(msgspec.json.decode(action, type=AnyAction).redacted).decode()
    except (msgspec.DecodeError, ValueError):
        kind = "webhook" if '"webhook"' in action else "command"
        return msgspec.json.encode({"action": kind}).decode()


def redact_rows(db: sqlite3.Connection) -> None:
    """Redact every stored action: its old text does not stay in the pages of the file. Raises sqlite3.Error."""
    rows = [(redact_stored(action), row, action) for row, action in db.execute(_SUSPECT)]
    changed = [(new, row) for new, row, old in rows if new != old]
    if not changed:
        return
    db.execute("PRAGMA secure_delete = ON")
    db.executemany("UPDATE actions SET action = ? WHERE id = ?", changed)
    db.execute("PRAGMA secure_delete = OFF")
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")

"""The history's file: SQLite tables of moods, actions and gaps. All methods block; writer.py runs them in a thread."""

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec

from device.hub.history.redaction import redact_rows
from device.hub.history.rows import ALIVE_S, BLIND, Delivered, Entry, GapEnd, GapStart, Heartbeat, MoodRow, Row
from device.system.clock import RELEASED_UTC_S, WallClock

_log = logging.getLogger(__name__)
_T = TypeVar("_T")
Numbers = dict[tuple[str, int], int]
"""(session, seq) -> the number of a change: larger than that of every change stored before."""

FILE_NAME = "history.sqlite3"
SCHEMA_VERSION = 3
PRUNE_S = 3600.0
"""Old rows are deleted this often, if the clock has not jumped for this long: a wrong year must not empty the file."""

_SCHEMA = """
CREATE TABLE moods (
  id INTEGER PRIMARY KEY, time_s REAL NOT NULL, session TEXT NOT NULL, seq INTEGER NOT NULL,
  emotion TEXT NOT NULL, confidence REAL NOT NULL, valence REAL NOT NULL, arousal REAL NOT NULL,
  probabilities TEXT NOT NULL, people INTEGER NOT NULL,
  face TEXT, face_confidence REAL, voice TEXT, voice_confidence REAL, UNIQUE (session, seq));
CREATE INDEX moods_time ON moods (time_s);
CREATE TABLE actions (id INTEGER PRIMARY KEY, time_s REAL NOT NULL, rule TEXT NOT NULL, action TEXT NOT NULL,
  result TEXT NOT NULL);
CREATE INDEX actions_time ON actions (time_s);
CREATE TABLE gaps (id INTEGER PRIMARY KEY, time_s REAL NOT NULL, until_s REAL, why TEXT NOT NULL);
CREATE TABLE sessions (session TEXT PRIMARY KEY, seq INTEGER NOT NULL, time_s REAL NOT NULL);
CREATE TABLE alive (id INTEGER PRIMARY KEY CHECK (id = 1), time_s REAL NOT NULL);
"""
_ADD_CURSOR = """
CREATE TABLE told (id INTEGER PRIMARY KEY CHECK (id = 1), mood INTEGER NOT NULL);
INSERT INTO told SELECT 1, coalesce(max(id), 0) FROM moods;
"""
# A file of version 1 has no cursor: all of its moods count as delivered.
_ADD_NUMBERS = """
CREATE TABLE numbers (id INTEGER PRIMARY KEY CHECK (id = 1), last INTEGER NOT NULL);
INSERT INTO numbers SELECT 1, max({start}, coalesce(max(id), 0)) FROM moods;
"""
# A mood's id is its number, which subscribers compare: it never goes back, neither after a deletion nor in a new file
# after a damaged one. So a file starts at its milliseconds since 1970; nobody's mood changes a thousand times a second.
_UPGRADES = {0: (_SCHEMA, _ADD_CURSOR, _ADD_NUMBERS), 1: (_ADD_CURSOR, _ADD_NUMBERS), 2: (_ADD_NUMBERS,)}


class HistoryFile:
    """The file, opened at the first use. Every method may raise sqlite3.Error or OSError, and may be called again."""

    def __init__(self, folder: Path, keep_days: int, started_s: float, clock: WallClock | None = None) -> None:
        """`started_s`: when this hub started, UTC seconds since 1970; `keep_days` 0 keeps everything."""
        self.path = folder / FILE_NAME
        self._keep_days = keep_days
        self._started_s = started_s
        self._has_downtime = False
        self.damaged = ""
        """The name that a damaged file got when it was moved aside; empty if none was."""
        self._db: sqlite3.Connection | None = None
        self._clock = clock or WallClock()
        self._pruned_s = 0.0

    def write(self, rows: Sequence[Row]) -> Numbers:
        """Write all of `rows` or none. When this returns, changes of mood are on the disk, not only in its cache.

        Returns the numbers of those that were not there before.
        """
        numbers: Numbers = {}
        try:
            db = self._db or self._open()
            # A change is acknowledged after this, so it waits for the disk. Other rows do not, to spare the SD card.
            has_mood = any(isinstance(row, MoodRow) for row in rows)
            db.execute(f"PRAGMA synchronous = {'FULL' if has_mood else 'NORMAL'}")
            with db:
                db.execute("BEGIN IMMEDIATE")
                for row in rows:
                    if isinstance(row, MoodRow):
                        _write_mood(db, row, numbers)
                    else:
                        _write(db, row)
        except sqlite3.DatabaseError as error:
            # The lower byte is the primary error code.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                self._move_aside(error)
            raise
        self._prune(db)
        return numbers

    def query(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `query` returns. The file is opened and its schema upgraded first."""
        return query(self._db or self._open())

    def close(self) -> None:
        """Close the file; a later write opens it again."""
        if self._db is not None:
            self._db.close()
            self._db = None

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path.touch(mode=0o600)  # moods are private; the WAL gets the same mode
        db = sqlite3.connect(self.path, timeout=1.0, isolation_level=None, check_same_thread=False)
        try:
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA cache_size = -256")  # kB; the default of 2 MB would fill over weeks and look like a leak
            version: int = db.execute("PRAGMA user_version").fetchone()[0]
            if version in _UPGRADES:
                start = round(1000 * max(time.time(), RELEASED_UTC_S))
                schema = "".join(_UPGRADES[version]).format(start=start)
                db.executescript(f"BEGIN IMMEDIATE; {schema} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
            elif version != SCHEMA_VERSION:
                raise sqlite3.NotSupportedError(f"it has version {version}, this Mien knows {SCHEMA_VERSION}")
            redact_rows(db)
            if not self._has_downtime:
                _write_downtime(db, self._started_s)
                self._has_downtime = True
            if self.damaged:
                now_s = time.time()
                _insert_gap(db, now_s, now_s, f"what came before was damaged and is in {self.damaged}")
        except BaseException:
            db.close()
            raise
        self._db = db
        return db

    def _move_aside(self, error: sqlite3.DatabaseError) -> None:
        self.close()
        aside = time.strftime("history-damaged-%Y%m%dT%H%M%S.sqlite3", time.gmtime())
        for suffix in ("", "-wal", "-shm"):
            old = self.path.with_name(self.path.name + suffix)
            if old.exists():
                old.rename(self.path.with_name(aside + suffix))
        self.damaged = aside
        _log.error("%s is damaged (%s): moved to %s, a new one begins", self.path, error, self.damaged)

    def _prune(self, db: sqlite3.Connection) -> None:
        """Delete rows older than `keep_days`, once per PRUNE_S without a clock jump."""
        if self._clock.read_jump_s():
            self._pruned_s = 0.0
        if not self._keep_days or self._clock.stable_s - self._pruned_s < PRUNE_S:
            return
        self._pruned_s = self._clock.stable_s
        oldest = self._clock.utc_s - 86_400 * self._keep_days
        try:
            for table in ("moods", "actions", "sessions"):
                db.execute(f"DELETE FROM {table} WHERE time_s < ?", (oldest,))  # noqa: S608 - the names are constants
            db.execute("DELETE FROM gaps WHERE until_s < ?", (oldest,))
        except sqlite3.Error as error:  # not raised: the rows of this batch are stored
            _log.warning("history: rows older than %d days were not deleted: %s", self._keep_days, error)


def _insert_gap(db: sqlite3.Connection, start_s: float, end_s: float | None, why: str | None) -> None:
    db.execute("INSERT INTO gaps (time_s, until_s, why) VALUES (?, ?, ?)", (start_s, end_s, why))


def _has_open_gap(db: sqlite3.Connection) -> bool:
    return db.execute("SELECT 1 FROM gaps WHERE until_s IS NULL").fetchone() is not None


def _write_downtime(db: sqlite3.Connection, started_s: float) -> None:
    """At a start: hub was away from its last heartbeat until now."""
    stopped = db.execute("SELECT id FROM gaps WHERE until_s IS NULL AND why = 'hub was away'").fetchone()
    alive = db.execute("SELECT time_s FROM alive").fetchone()
    if stopped:
        db.execute("UPDATE gaps SET until_s = max(time_s, ?) WHERE id = ?", (started_s, stopped[0]))
    elif alive and not _has_open_gap(db):
        _insert_gap(db, alive[0], max(alive[0], started_s), "hub was away")


def _write(db: sqlite3.Connection, row: Entry | GapStart | GapEnd | Delivered | Heartbeat) -> None:
    match row:
        case Entry(kind="action"):
            action = (row.time_s, row.rule, row.action, row.result)
            db.execute("INSERT INTO actions (time_s, rule, action, result) VALUES (?, ?, ?, ?)", action)
        case Entry():
            _insert_gap(db, row.time_s, row.until_s, row.why)
        case GapStart():
            if not _has_open_gap(db):
                _insert_gap(db, row.time_s, None, row.why)
        case GapEnd():
            db.execute("UPDATE gaps SET until_s = max(time_s, ?) WHERE until_s IS NULL", (row.time_s,))
            db.execute("INSERT OR REPLACE INTO alive (id, time_s) VALUES (1, ?)", (row.time_s,))
        case Delivered():
            last = "SELECT max(id) FROM moods WHERE session = ? AND seq <= ?"
            db.execute(f"UPDATE told SET mood = max(mood, coalesce(({last}), 0))", (row.session, row.seq))  # noqa: S608
        case Heartbeat():
            if row.blind_since_s is not None:
                _write_blind_gap(db, row.blind_since_s, row.time_s)
            db.execute("INSERT OR REPLACE INTO alive (id, time_s) VALUES (1, ?)", (row.time_s,))


def _write_blind_gap(db: sqlite3.Connection, since_s: float, until_s: float) -> None:
    """Write or extend the gap. It always has an end, so it is right even if hub is killed."""
    query = "SELECT id, time_s, until_s FROM gaps WHERE why = ? ORDER BY id DESC LIMIT 1"
    last = db.execute(query, (BLIND,)).fetchone()
    # A gap that begins later than now comes from a clock that ran ahead, and is another one.
    if last and last[1] <= until_s and last[2] >= since_s:
        db.execute("UPDATE gaps SET until_s = max(until_s, ?) WHERE id = ?", (until_s, last[0]))
        return
    # Do not reach back over a time that was deleted meanwhile.
    alive = db.execute("SELECT time_s FROM alive").fetchone()
    since_s = max(since_s, alive[0] - 2 * ALIVE_S) if alive else since_s
    _insert_gap(db, since_s, max(since_s, until_s), BLIND)


def _write_mood(db: sqlite3.Connection, row: MoodRow, numbers: Numbers) -> None:
    """Write a change and enter its number in `numbers`, unless it is there already."""
    session = db.execute("SELECT seq, time_s FROM sessions WHERE session = ?", (row.session,)).fetchone()
    last_seq = session[0] if session else 0
    if row.seq <= last_seq:
        return  # sense has sent it again, because our Ack did not arrive
    mood = row.entry
    if missing := row.seq - last_seq - 1:
        before_s = session[1] if session else db.execute("SELECT max(time_s) FROM moods").fetchone()[0]
        start_s = min(before_s or mood.time_s, mood.time_s)
        _insert_gap(db, start_s, mood.time_s, f"{missing} changes lost while hub was away")
    db.execute("UPDATE numbers SET last = last + 1")
    number: int = db.execute("SELECT last FROM numbers").fetchone()[0]
    columns = {
        "id": number,
        "time_s": mood.time_s,
        "session": row.session,
        "seq": row.seq,
        "emotion": mood.emotion,
        "confidence": mood.confidence,
        "valence": mood.valence,
        "arousal": mood.arousal,
        "probabilities": msgspec.json.encode(mood.probabilities).decode(),
        "people": mood.people,
        "face": mood.face,
        "face_confidence": mood.face_confidence,
        "voice": mood.voice,
        "voice_confidence": mood.voice_confidence,
    }
    names, values = ", ".join(columns), ", ".join(f":{name}" for name in columns)
    insert = f"INSERT INTO moods ({names}) VALUES ({values}) ON CONFLICT (session, seq) DO NOTHING"  # noqa: S608 - the names are constants
    if db.execute(insert, columns).rowcount:
        numbers[row.session, row.seq] = number
    db.execute("INSERT OR REPLACE INTO sessions VALUES (?, ?, ?)", (row.session, row.seq, mood.time_s))

"""The outbox: each change of mood reaches the broker once and in order, however long the broker is away.

The history's file is the outbox: a cursor in it marks the last delivered change. Memory holds only changes that are not
on the disk yet and messages in flight. So a live change does not wait for the disk, and a long outage takes no memory.
"""

import asyncio
import contextlib
import json
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

from msgspec import Struct

from device.hub.history import outbox_cursor
from device.hub.history.rows import Delivered, MoodRow, mood_from_entry
from device.hub.history.writer import History
from device.hub.mqtt.payloads import build_event_document
from device.readings import Mood

_log = logging.getLogger(__name__)

MAX_LIVE = 1_000
"""Live changes in memory. Older ones are read from the file, or dropped if it cannot be written."""
PAGE = 200
"""Changes read from the file at once."""
IN_FLIGHT = 16
"""Messages sent and not acknowledged yet, in order."""
CURSOR_S = 0.25
"""The cursor is written at most this often."""
MAX_ATTEMPTS = 3
"""Then the outbox goes on without the changes in the file."""
_OPEN_S = 2.0
_STOP_S = 0.5
_SOON_S = 0.02


class Change(Struct, frozen=True):
    """One change of mood to deliver."""

    session: str
    seq: int
    mood: Mood
    time_utc_s: float
    """When it happened, seconds since 1970."""
    is_from_file: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """Its identity."""
        return self.session, self.seq


@dataclass(eq=False)
class Outbox:
    """`add` takes changes at any time; `deliver` publishes them while the broker is there.

    `on_delivered` gets each change that the broker has acknowledged. `on_health` gets a sentence about lost changes.
    """

    history: History
    on_delivered: Callable[[Change], None]
    on_health: Callable[[str], None]
    _: KW_ONLY
    max_live: int = MAX_LIVE
    max_attempts: int = MAX_ATTEMPTS
    _added: dict[str, int] = field(default_factory=dict)
    """Session -> its newest change."""
    _stored: dict[str, int] = field(default_factory=dict)
    """Session -> its newest change in the file."""
    _live: deque[Change] = field(default_factory=deque)
    _page: deque[Change] = field(default_factory=deque)
    _in_flight: deque[tuple[Change, asyncio.Task[None]]] = field(default_factory=deque)
    _is_behind: bool = True
    """The file may hold changes that come before those in memory."""
    _last_sent: tuple[str, int] | None = None
    """Key of the last change that was sent; None: the cursor in the file."""
    _is_last_sent_stored: bool = True
    _acknowledged: Change | None = None
    _is_cursor_due: bool = False
    _cursor_written_s: float = -1e9
    _is_delivering: bool = False
    _failures: int = 0
    _dropped: int = 0
    _spilled: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Find out which changes are in the file already. If it cannot be read now, it is read again later."""
        try:
            async with asyncio.timeout(_OPEN_S):
                self._added = await self.history.query(outbox_cursor.enable)
                self._stored = dict(self._added)
        except (TimeoutError, sqlite3.Error, OSError) as error:
            _log.warning("outbox: the history cannot be read (%s); retrying later", error or "the disk is too slow")

    def add(self, session: str, seq: int, mood: Mood, time_utc_s: float) -> bool:
        """Append a change. False if it was added before: sense has sent it again because it missed our Ack."""
        if seq <= self._added.pop(session, 0):
            self._added[session] = seq
            return False
        self._added[session] = seq
        if len(self._added) > PAGE:
            del self._added[next(iter(self._added))]
        self._live.append(Change(session, seq, mood, time_utc_s))
        if len(self._live) > self.max_live:
            self._live.popleft()
            self._is_behind = True
            self._spilled += 1
            if not self.history.is_healthy:
                self._report_dropped()
        self._wake.set()
        return True

    def mark_stored(self, session: str, seq: int) -> None:
        """Every change of `session` up to `seq` is in the file now."""
        self._stored[session] = seq
        if len(self._stored) > PAGE:
            del self._stored[next(iter(self._stored))]
        if not self._is_delivering:
            self._drop_stored()
        self._wake.set()

    async def deliver(self, publish: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """Publish every waiting and every new change, until cancelled or until `publish` raises.

        `publish` takes an event's JSON and returns when the broker has acknowledged it.
        """
        self._is_delivering = True
        try:
            while True:
                self._wake.clear()
                self._collect_acknowledged()
                if self._in_flight and self._in_flight[0][1].done():
                    self._in_flight[0][1].result()
                while len(self._in_flight) < IN_FLIGHT and (self._page or (self._live and not self._is_behind)):
                    self._send(publish)
                if self._is_behind and not self._page:
                    await self._read_page()
                    continue
                self._write_cursor()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CURSOR_S if self._is_cursor_due else None):
                        await self._wake.wait()
        except asyncio.CancelledError:
            # A clean stop: wait for messages in flight, so that they are not sent a second time.
            if self._in_flight:
                await asyncio.wait([task for _, task in self._in_flight], timeout=_STOP_S)
            raise
        finally:
            self._rewind()

    def _send(self, publish: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        change = (self._page or self._live).popleft()
        late_s = time.time() - change.time_utc_s
        event = build_event_document(change.mood, change.time_utc_s, f"{change.session}-{change.seq}", late_s)
        task = asyncio.create_task(publish(json.dumps(event)))
        task.add_done_callback(lambda _: self._wake.set())
        self._in_flight.append((change, task))
        self._last_sent, self._is_last_sent_stored = change.key, change.is_from_file

    def _collect_acknowledged(self) -> None:
        while self._in_flight and _is_acknowledged(self._in_flight[0][1]):
            change, _ = self._in_flight.popleft()
            self._acknowledged, self._is_cursor_due = change, True
            self.on_delivered(change)

    def _write_cursor(self, *, at_once: bool = False) -> None:
        """Move the cursor in the file, but not too often."""
        now_s = time.monotonic()
        is_allowed = at_once or now_s - self._cursor_written_s >= CURSOR_S
        if self._is_cursor_due and self._acknowledged and is_allowed:
            self._is_cursor_due, self._cursor_written_s = False, now_s
            self.history.remember(Delivered(self._acknowledged.session, self._acknowledged.seq))

    def _rewind(self) -> None:
        """The broker is gone: send again what it has not acknowledged, from memory or from the file."""
        self._is_delivering = False
        self._collect_acknowledged()
        for _, task in self._in_flight:
            task.cancel()
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._live.extendleft(change for change, _ in reversed(self._in_flight) if not change.is_from_file)
        self._in_flight.clear()
        self._page.clear()
        last, self._is_behind = self._acknowledged, True
        self._last_sent, self._is_last_sent_stored = (last.key, last.is_from_file) if last else (None, True)
        self._drop_stored()
        self._write_cursor(at_once=True)

    def _drop_stored(self) -> None:
        """Drop stored changes from memory while there is no broker; they are read from the file later."""
        while self._live and self._live[0].seq <= self._stored.get(self._live[0].session, 0):
            self._live.popleft()
            self._is_behind = True

    async def _read_page(self) -> None:
        """Read the next changes from the file, up to the first one in memory."""
        after, spilled, were_pending = self._last_sent, self._spilled, self._has_pending_rows
        if after and were_pending and not self._is_last_sent_stored and self._stored.get(after[0], 0) < after[1]:
            await asyncio.sleep(_SOON_S)  # only its row tells which rows come after it
            return
        try:
            rows = await self.history.query(lambda db: outbox_cursor.read_undelivered(db, after=after, max_rows=PAGE))
        except (sqlite3.Error, OSError) as error:
            await self._retry_later(error)
            return
        self._failures = 0
        first = self._live[0].key if self._live else None
        for row in rows:
            if (row.session, row.seq) == first:
                self._is_behind = False
                return
            self._page.extend(_build_changes(row, after))
        if len(rows) < PAGE:
            # Rows that reached the disk meanwhile come before the changes in memory.
            self._is_behind = were_pending or self._has_pending_rows or spilled != self._spilled
            await asyncio.sleep(_SOON_S if self._is_behind and not self._page else 0)
        elif not self._page:  # a whole page of damaged rows
            self._last_sent, self._is_last_sent_stored = (rows[-1].session, rows[-1].seq), True

    @property
    def _has_pending_rows(self) -> bool:
        """Whether changes that have left memory are not on the disk yet."""
        newest = next(reversed(self._added), "")
        wanted = self._added.get(newest, 0)
        if self._live and self._live[0].session == newest:
            wanted = self._live[0].seq - 1
        return self.history.is_healthy and self.history.waiting > 0 and self._stored.get(newest, 0) < wanted

    async def _retry_later(self, error: Exception) -> None:
        self._failures += 1
        if self._failures < self.max_attempts:
            await asyncio.sleep(1.0)
            return
        _log.error("outbox: changes in the history cannot be read (%s) and are not published", error)
        self.on_health(f"changes of mood waiting in the history cannot be read ({error}) and are not published")
        self._failures, self._is_behind = 0, False

    def _report_dropped(self) -> None:
        self._dropped += 1
        if self._dropped % 100 == 1:
            _log.error("outbox: %d changes dropped, because broker and disk are both unavailable", self._dropped)
            self.on_health(f"at least {self._dropped} changes were lost: broker and disk were both unavailable")


def _is_acknowledged(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _build_changes(row: MoodRow, after: tuple[str, int] | None) -> list[Change]:
    """The change in a row; empty if it was delivered before it was stored, or if the row is damaged."""
    if after and row.session == after[0] and row.seq <= after[1]:
        return []
    try:
        mood = mood_from_entry(row.entry)
    except (KeyError, ValueError) as error:
        event_id = f"{row.session}-{row.seq}"
        _log.error("outbox: change %s in the history is damaged (%s); it is not published", event_id, error)
        return []
    return [Change(row.session, row.seq, mood, row.entry.time_s, is_from_file=True)]

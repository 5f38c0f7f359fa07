"""The outbox: each change of mood reaches the broker in order, however long the broker is away.

The history's file is the outbox: a cursor in it marks the last delivered change. Memory holds only changes that are not
on the disk yet and messages in flight, so a long outage takes no memory. A change is published once it is stored: what
somebody was told is in the history. Only while the disk takes nothing, it is published without.

The cursor follows the acknowledgements by CURSOR_S. If hub is killed in between, the next one publishes some changes
again. Each has a number that only grows, by which a subscriber drops them (docs/MQTT.md).
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
from math import inf
from typing import Any

import msgspec

from device.hub.history import outbox_cursor
from device.hub.history.database import Numbers
from device.hub.history.rows import Delivered
from device.hub.history.writer import History
from device.hub.mqtt.change import Change, read_change
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
    _first_new: float = inf
    """Changes with a smaller number were stored before this start: a hub that was killed may have published them."""
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
                self._first_new = await self.history.query(outbox_cursor.read_last_number) + 1
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

    def mark_stored(self, session: str, seq: int, numbers: Numbers) -> None:
        """Every change of `session` up to `seq` is in the file now, those of `numbers` under these."""
        self._stored[session] = seq
        self._live = deque(
            msgspec.structs.replace(change, number=numbers[change.key]) if change.key in numbers else change
            for change in self._live
        )
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
                while len(self._in_flight) < IN_FLIGHT and (self._page or self._is_live_ready):
                    self._send(publish)
                if self._is_behind and not self._page:
                    await self._read_page()
                    continue
                self._write_cursor()
                with contextlib.suppress(TimeoutError):
                    # A live change may wait for a disk that fails in the meantime.
                    async with asyncio.timeout(CURSOR_S if self._is_cursor_due or self._live else None):
                        await self._wake.wait()
        except asyncio.CancelledError:
            # A clean stop: wait for messages in flight, so that they are not sent a second time.
            if self._in_flight:
                await asyncio.wait([task for _, task in self._in_flight], timeout=_STOP_S)
            raise
        finally:
            self._rewind()

    @property
    def _is_live_ready(self) -> bool:
        """Whether the next change in memory can be published: it is stored, or the disk takes nothing."""
        if self._is_behind or not self._live:
            return False
        change = self._live[0]
        if change.number is None and change.seq <= self._stored.get(change.session, 0):
            self._live.popleft()  # an earlier hub has stored it: the file knows its number
            self._is_behind = True
            return False
        return change.number is not None or not self.history.is_healthy

    def _send(self, publish: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        change = (self._page or self._live).popleft()
        is_again = change.number is not None and change.number < self._first_new
        task = asyncio.create_task(publish(json.dumps(change.as_event(is_again=is_again))))
        task.add_done_callback(lambda _: self._wake.set())
        self._in_flight.append((change, task))
        self._last_sent, self._is_last_sent_stored = change.key, change.number is not None

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
        self._last_sent, self._is_last_sent_stored = (last.key, last.number is not None) if last else (None, True)
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
        for number, row in rows:
            if (row.session, row.seq) == first:
                self._is_behind = False
                return
            if after and row.session == after[0] and row.seq <= after[1]:
                continue  # it was delivered before it was stored
            if change := read_change(number, row):
                self._page.append(change)
        if len(rows) < PAGE:
            # Rows that reached the disk meanwhile come before the changes in memory.
            self._is_behind = were_pending or self._has_pending_rows or spilled != self._spilled
            await asyncio.sleep(_SOON_S if self._is_behind and not self._page else 0)
        elif not self._page:  # a whole page of damaged rows
            _, last = rows[-1]
            self._last_sent, self._is_last_sent_stored = (last.session, last.seq), True

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

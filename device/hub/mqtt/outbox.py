"""The outbox: each change of mood is told to the broker once and in order, however long the broker is away.

The history's file is the outbox: a cursor in it says how far the broker has been told. Memory holds what the disk has
not taken yet, and what is under way; so a live change waits for no disk, and a long outage takes no memory.
"""

import asyncio
import contextlib
import functools
import json
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from msgspec import Struct

from device.hub.history import outbox_cursor
from device.hub.history.rows import Delivered, MoodRow, mood_from_entry
from device.hub.history.writer import History
from device.hub.mqtt.payloads import event_document
from device.readings import Mood

_log = logging.getLogger(__name__)

MAX_FRESH = 1_000
"""Changes in memory; older ones are fetched from the file, or dropped where there is none."""
PAGE = 200
"""Changes fetched from the file at once."""
IN_FLIGHT = 16
"""Messages under way, in order."""
MARK_S = 0.25
"""The cursor is written at most so often."""
_OPEN_S = 2.0
_LAST_S = 0.5
_TRIES = 3
_SOON_S = 0.02


class Change(Struct, frozen=True):
    """One change of mood, to be told."""

    session: str
    seq: int
    mood: Mood
    time_utc_s: float
    """When it happened, seconds since 1970."""
    kept: bool = False
    """It comes from the file."""

    @property
    def key(self) -> tuple[str, int]:
        """What tells it from all others."""
        return self.session, self.seq


class Outbox:
    """`add` takes changes at any time; `deliver` tells them while the broker is there.

    `told` hears each change that the broker has acknowledged; `say` hears what was dropped, for a person.
    """

    def __init__(self, history: History, told: Callable[[Change], None], say: Callable[[str], None]) -> None:
        self._history = history
        self._told = told
        self._say = say
        self._known: dict[str, int] = {}
        self._stored: dict[str, int] = {}
        self._fresh: deque[Change] = deque()
        self._page: deque[Change] = deque()
        self._flight: deque[tuple[Change, asyncio.Task[None]]] = deque()
        self._behind = True
        """There may be changes in the file that come before those in memory."""
        self._taken: tuple[str, int] | None = None
        """(session, seq) of the last that went out; None: the cursor in the file."""
        self._taken_kept = True
        """It is in the file."""
        self._acknowledged: Change | None = None
        self._unmarked = False
        self._marked_s = -1e9
        self._delivering = False
        self._failures = 0
        self._dropped = 0
        self._spilled = 0
        self._wake = asyncio.Event()

    @property
    def waiting(self) -> int:
        """Changes in memory."""
        return len(self._fresh) + len(self._page) + len(self._flight)

    async def open(self) -> None:
        """Learn which changes are in the file already. A file that cannot be read now is asked again later."""
        try:
            async with asyncio.timeout(_OPEN_S):
                self._known = await self._history.ask(outbox_cursor.begin)
                self._stored = dict(self._known)
        except (TimeoutError, sqlite3.Error, OSError) as error:
            _log.warning("outbox: the history does not say what was told (%s)", error or "the disk is too slow")

    def add(self, session: str, seq: int, mood: Mood, time_utc_s: float) -> bool:
        """Put a change behind all others. False for one that was added before: sense had missed our Ack."""
        if seq <= self._known.pop(session, 0):
            self._known[session] = seq
            return False
        self._known[session] = seq
        if len(self._known) > PAGE:
            del self._known[next(iter(self._known))]
        self._fresh.append(Change(session, seq, mood, time_utc_s))
        if len(self._fresh) > MAX_FRESH:
            self._fresh.popleft()
            self._behind = True
            self._spilled += 1
            if not self._history.well:
                self._drop()
        self._wake.set()
        return True

    def stored(self, session: str, seq: int) -> None:
        """Every change of `session` up to `seq` is in the file now."""
        self._stored[session] = seq
        if len(self._stored) > PAGE:
            del self._stored[next(iter(self._stored))]
        if not self._delivering:
            self._leave_to_the_file()
        self._wake.set()

    async def deliver(self, publish: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        """Tell what there is and what comes, until cancelled or until `publish` raises.

        `publish` takes an event's JSON and returns when the broker has acknowledged it.
        """
        self._delivering = True
        try:
            while True:
                self._wake.clear()
                self._land()
                if self._flight and self._flight[0][1].done():
                    self._flight[0][1].result()
                while len(self._flight) < IN_FLIGHT and (self._page or (self._fresh and not self._behind)):
                    self._launch(publish)
                if self._behind and not self._page:
                    await self._turn_page()
                    continue
                self._mark()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(MARK_S if self._unmarked else None):
                        await self._wake.wait()
        except asyncio.CancelledError:
            # A clean stop: what is under way is not to be told a second time after it.
            if self._flight:
                await asyncio.wait([task for _, task in self._flight], timeout=_LAST_S)
            raise
        finally:
            self._come_back()

    # -- under way

    def _launch(self, publish: Callable[[str], Coroutine[Any, Any, None]]) -> None:
        change = (self._page or self._fresh).popleft()
        late_s = time.time() - change.time_utc_s
        event = event_document(change.mood, change.time_utc_s, f"{change.session}-{change.seq}", late_s)
        task = asyncio.create_task(publish(json.dumps(event)))
        task.add_done_callback(lambda _: self._wake.set())
        self._flight.append((change, task))
        self._taken, self._taken_kept = change.key, change.kept

    def _land(self) -> None:
        """What the broker has acknowledged, in order."""
        while self._flight and _arrived(self._flight[0][1]):
            change, _ = self._flight.popleft()
            self._acknowledged, self._unmarked = change, True
            self._told(change)

    def _mark(self, *, at_once: bool = False) -> None:
        """Move the cursor in the file, not too often."""
        now_s = time.monotonic()
        if self._unmarked and self._acknowledged and (at_once or now_s - self._marked_s >= MARK_S):
            self._unmarked, self._marked_s = False, now_s
            self._history.remember(Delivered(self._acknowledged.session, self._acknowledged.seq))

    def _come_back(self) -> None:
        """The broker has gone: what it has not acknowledged is told again, from memory or from the file."""
        self._delivering = False
        self._land()
        for _, task in self._flight:
            task.cancel()
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._fresh.extendleft(change for change, _ in reversed(self._flight) if not change.kept)
        self._flight.clear()
        self._page.clear()
        last, self._behind = self._acknowledged, True
        self._taken, self._taken_kept = (last.key, last.kept) if last else (None, True)
        self._leave_to_the_file()
        self._mark(at_once=True)

    # -- from the file

    def _leave_to_the_file(self) -> None:
        """What is stored need not be kept in memory while nobody is there to be told."""
        while self._fresh and self._fresh[0].seq <= self._stored.get(self._fresh[0].session, 0):
            self._fresh.popleft()
            self._behind = True

    async def _turn_page(self) -> None:
        """Fetch the next changes, up to the first that is in memory."""
        after, spilled, coming = self._taken, self._spilled, self._coming
        if after and coming and not self._taken_kept and self._stored.get(after[0], 0) < after[1]:
            await asyncio.sleep(_SOON_S)  # without its row, nobody knows which rows come after it
            return
        try:
            rows = await self._history.ask(functools.partial(outbox_cursor.untold, after=after, most=PAGE))
        except (sqlite3.Error, OSError) as error:
            await self._try_later(error)
            return
        self._failures = 0
        first = self._fresh[0].key if self._fresh else None
        for row in rows:
            if (row.session, row.seq) == first:
                self._behind = False
                return
            self._page.extend(_changes(row, after))
        if len(rows) < PAGE:
            # Rows that were on their way to the disk meanwhile come before those in memory.
            self._behind = coming or self._coming or spilled != self._spilled
            await asyncio.sleep(_SOON_S if self._behind and not self._page else 0)
        elif not self._page:  # a whole page of damage
            self._taken, self._taken_kept = (rows[-1].session, rows[-1].seq), True

    @property
    def _coming(self) -> bool:
        """Changes are on their way to the disk that are not in memory any more."""
        newest = next(reversed(self._known), "")
        wanted = self._known.get(newest, 0)
        if self._fresh and self._fresh[0].session == newest:
            wanted = self._fresh[0].seq - 1
        return self._history.well and self._history.waiting > 0 and self._stored.get(newest, 0) < wanted

    async def _try_later(self, error: Exception) -> None:
        self._failures += 1
        if self._failures < _TRIES:
            await asyncio.sleep(1.0)
            return
        _log.error("outbox: what is in the history cannot be read (%s) and is not told", error)
        self._say(f"changes of mood that waited in the history cannot be read ({error}) and are not told")
        self._failures, self._behind = 0, False

    def _drop(self) -> None:
        self._dropped += 1
        if self._dropped % 100 == 1:
            _log.error("outbox: %d changes dropped, since neither the broker nor the disk takes them", self._dropped)
            self._say(f"{self._dropped} or more changes were not told: neither the broker nor the disk took them")


def _arrived(task: asyncio.Task[None]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None


def _changes(row: MoodRow, after: tuple[str, int] | None) -> list[Change]:
    """The row's change; nothing for one that was told before it was stored, or that is damaged."""
    if after and row.session == after[0] and row.seq <= after[1]:
        return []
    try:
        mood = mood_from_entry(row.entry)
    except (KeyError, ValueError) as error:
        _log.error("outbox: change %s-%d in the history is damaged (%s); it is not told", row.session, row.seq, error)
        return []
    return [Change(row.session, row.seq, mood, row.entry.time_s, kept=True)]

"""The queue before the history's file. The event loop never waits for the disk, and a failing disk loses no rows."""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TypeVar

from device.hub.history import reader
from device.hub.history.database import HistoryFile, Numbers
from device.hub.history.rows import Delivered, Entry, Heartbeat, MoodRow, Row
from device.hub.wording import format_duration
from device.system.clock import WallClock

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

MAX_WAITING = 5_000
"""Rows in memory while the file takes none. Beyond that the oldest are dropped, and the history shows a gap."""
BATCH = 200
BUSY_ROWS = 1_000
"""With more rows waiting, `wait_for_room` slows the sender of changes down, so that none has to be dropped."""
ROOM_S = 0.5
"""The longest wait for room. It is shorter than the time after which sense counts as gone."""
CLOSE_S = 3.0
"""How long a stop waits for the disk."""


@dataclass(eq=False)
class History:
    """Rows go into the queue at `remember` and into the file in `run`.

    `on_stored` gets (session, seq) once every change up to it is on the disk, and the numbers of the changes that were
    stored with it. `on_health` gets a text when the state of
    the file changes, empty if it works.
    """

    folder: Path
    keep_days: int
    on_stored: Callable[[str, int, Numbers], Awaitable[None]]
    on_health: Callable[[str], None]
    _: KW_ONLY
    retry_s: float = 2.0
    clock: WallClock = field(default_factory=WallClock)
    max_waiting: int = MAX_WAITING
    is_healthy: bool = True
    """Whether the last write succeeded."""
    _health: str = ""
    _waiting: deque[Row] = field(default_factory=deque)
    _batch: list[Row] = field(default_factory=list)
    _writing: asyncio.Future[Numbers] | None = None
    _dropped: int = 0
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._file = HistoryFile(self.folder, self.keep_days, time.time())
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="history")

    def remember(self, row: Row) -> None:
        """Queue `row`, after a gap if the clock was set since the last row. Never waits."""
        if jumped_s := self.clock.read_jump_s():
            self._queue(_build_clock_gap(jumped_s, self.clock.utc_s))
        self._queue(row)

    def _queue(self, row: Row) -> None:
        if self._waiting and _replaces(row, self._waiting[-1]):
            self._waiting.pop()
        self._waiting.append(row)
        if len(self._waiting) > self.max_waiting:
            self._waiting.popleft()
            self._dropped += 1
            if self._dropped % 100 == 1:
                _log.error("history: %d rows dropped, because the file takes none", self._dropped)
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Rows that are not in the file yet."""
        return len(self._waiting) + len(self._batch)

    async def wait_for_room(self) -> None:
        """Return when few rows wait, the file fails, or after ROOM_S: a flood of changes goes at the disk's pace."""
        end_s = time.monotonic() + ROOM_S
        while self.is_healthy and self.waiting > BUSY_ROWS and time.monotonic() < end_s:  # noqa: ASYNC110 - only one waits
            await asyncio.sleep(0.01)

    async def query(self, query: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `query` returns, run in the writer's thread between two writes. Raises sqlite3.Error and OSError."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._file.query, query)

    async def run(self) -> None:
        """Write rows as they come, until cancelled."""
        # An empty batch opens the file, so that a problem with it shows before the first mood.
        is_open = False
        while True:
            while not is_open or self._waiting or self._batch:
                is_open = await self._write()
                if not is_open:
                    await asyncio.sleep(self.retry_s)
            await self._wake.wait()
            self._wake.clear()

    async def read(self, since_s: float | None = None, max_rows: int = 5_000) -> list[Entry]:
        """`reader.read` in a thread. Raises MienError."""
        return await asyncio.to_thread(reader.read, self.folder, since_s, max_rows)

    async def stream(self, since_s: float, consume: Callable[[Iterable[Entry]], _T]) -> _T:
        """`reader.stream` in a thread. Raises MienError."""
        return await asyncio.to_thread(reader.stream, self.folder, since_s, consume)

    async def close(self) -> None:
        """Write the waiting rows, for at most CLOSE_S, and close the file."""
        try:
            async with asyncio.timeout(CLOSE_S):
                while (self._waiting or self._batch or self._writing) and await self._write():
                    pass
                await asyncio.get_running_loop().run_in_executor(self._executor, self._file.close)
        except (TimeoutError, sqlite3.Error) as error:
            _log.error("history: some rows were not written at the stop (%s)", error or "the disk is too slow")
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _report(self, health: str) -> None:
        if health != self._health:
            self._health = health
            self.on_health(health)

    async def _write(self) -> bool:
        """Write one batch, which stays in memory until the file has taken it. Whether that worked."""
        if self._writing is None:
            while self._waiting and len(self._batch) < BATCH:
                self._batch.append(self._waiting.popleft())
            loop = asyncio.get_running_loop()
            self._writing = loop.run_in_executor(self._executor, self._file.write, list(self._batch))
        try:
            # A cancellation leaves the write running, and `close` waits for this same one.
            numbers = await asyncio.shield(self._writing)
            self._writing = None
        except (sqlite3.Error, OSError) as error:
            self._writing, self.is_healthy = None, False
            if not self._health:
                _log.error("history: %s cannot be written: %s", self._file.path, error)
            self._report(
                f"history: {self._file.path} cannot be written ({error}); {self.waiting} rows wait, it is retried"
            )
            return False
        self.is_healthy = True
        stored = {row.session: row.seq for row in self._batch if isinstance(row, MoodRow)}
        self._batch.clear()
        damaged = self._file.damaged
        self._report(f"history: the file was damaged and moved to {damaged}; a new one began" if damaged else "")
        for session, seq in stored.items():
            await self.on_stored(session, seq, numbers)
        return True


def _replaces(row: Row, last: Row) -> bool:
    """Only the newest of several heartbeats, or of several acknowledgements, needs a row."""
    if isinstance(row, Heartbeat) and isinstance(last, Heartbeat):
        return last.blind_since_s in (None, row.blind_since_s)
    return isinstance(row, Delivered) and isinstance(last, Delivered)


def _build_clock_gap(jumped_s: float, now_s: float) -> Entry:
    """The gap between rows of before and after a jump of the clock; it has no length if the clock went back."""
    days = round(abs(jumped_s) / 86_400)
    how_far = f"{days} days" if days > 1 else format_duration(abs(jumped_s))
    if jumped_s > 0:
        why = f"went forward by {how_far}: it was set, or this device slept"
    else:
        why = f"was put back by {how_far}"
    _log.warning("the clock %s", why)
    return Entry("gap", now_s - max(jumped_s, 0.0), until_s=now_s, why=f"the clock {why}")

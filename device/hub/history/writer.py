"""What is remembered: a queue in front of the file. The loop never waits for a disk, a sick disk loses nothing."""

import asyncio
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from device.hub.history import reader
from device.hub.history.database import HistoryFile
from device.hub.history.rows import Delivered, Entry, Heartbeat, MoodRow, Row
from device.hub.wording import duration
from device.system.clock import WallClock

_log = logging.getLogger(__name__)
_T = TypeVar("_T")

MAX_WAITING = 5_000
"""Rows held in memory while the file does not take them; then the oldest are dropped, and their gap is shown."""
BATCH = 200
CROWDED = 1_000
"""With more rows waiting, who brings changes is asked to wait a little, so that none has to be dropped."""
ROOM_S = 0.5
"""How long at most: less than the door's silence."""
CLOSE_S = 3.0
"""How long a stop waits for the disk."""


class History:
    """Rows go in at `remember` and reach the file in `run`.

    `stored` hears (session, seq) once every change up to it is on the disk; `health` hears a text, empty for well.
    """

    def __init__(
        self,
        folder: Path,
        keep_days: int,
        stored: Callable[[str, int], Awaitable[None]],
        health: Callable[[str], None],
        retry_s: float = 2.0,
        clock: WallClock | None = None,
    ) -> None:
        self._folder = folder
        self._file = HistoryFile(folder, keep_days, time.time())
        self._clock = clock or WallClock()
        self._stored = stored
        self._tell = health
        self._ill = ""
        self._sick = False
        self._retry_s = retry_s
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="history")
        self._waiting: deque[Row] = deque()
        self._batch: list[Row] = []
        self._writing: asyncio.Future[None] | None = None
        self._dropped = 0
        self._wake = asyncio.Event()

    def remember(self, row: Row) -> None:
        """Put `row` in the queue, behind a gap where the clock was set since the last one. Never waits."""
        if jumped_s := self._clock.jumped_s():
            self._queue(_clock_set(jumped_s, self._clock.utc_s))
        self._queue(row)

    def _queue(self, row: Row) -> None:
        if self._waiting and _newer(row, self._waiting[-1]):
            self._waiting.pop()
        self._waiting.append(row)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()
            self._dropped += 1
            if self._dropped % 100 == 1:
                _log.error("history: %d rows dropped, since the file takes none", self._dropped)
        self._wake.set()

    @property
    def waiting(self) -> int:
        """Rows that the file has not taken yet."""
        return len(self._waiting) + len(self._batch)

    @property
    def well(self) -> bool:
        """The file takes what it is given."""
        return not self._sick

    async def room(self) -> None:
        """Returns when few rows wait, the file is ill, or after ROOM_S: a flood goes at the pace of the disk."""
        end_s = time.monotonic() + ROOM_S
        while self.well and self.waiting > CROWDED and time.monotonic() < end_s:  # noqa: ASYNC110 - nobody else waits
            await asyncio.sleep(0.01)

    async def ask(self, question: Callable[[sqlite3.Connection], _T]) -> _T:
        """What `question` finds in the file, off the loop and between two writes. Raises sqlite3.Error and OSError."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, self._file.read, question)

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        # An empty batch opens the file, so that what is wrong with it is said before the first mood.
        opened = False
        while True:
            while not opened or self._waiting or self._batch:
                opened = await self._write()
                if not opened:
                    await asyncio.sleep(self._retry_s)
            await self._wake.wait()
            self._wake.clear()

    async def rows(self, since_s: float | None = None, most: int = 5_000) -> list[Entry]:
        """As history_reading.read, off the loop. Raises MienError."""
        return await asyncio.to_thread(reader.read, self._folder, since_s, most)

    async def over(self, since_s: float, use: Callable[[Iterable[Entry]], _T]) -> _T:
        """As history_reading.over, off the loop. Raises MienError."""
        return await asyncio.to_thread(reader.over, self._folder, since_s, use)

    async def close(self) -> None:
        """Write what waits, for at most CLOSE_S, and close the file."""
        try:
            async with asyncio.timeout(CLOSE_S):
                while (self._waiting or self._batch or self._writing) and await self._write():
                    pass
                await asyncio.get_running_loop().run_in_executor(self._executor, self._file.close)
        except (TimeoutError, sqlite3.Error) as error:
            _log.error("history: not all was written at the stop (%s)", error or "the disk is too slow")
        self._executor.shutdown(wait=False, cancel_futures=True)

    def _health(self, text: str) -> None:
        if text != self._ill:
            self._ill = text
            self._tell(text)

    async def _write(self) -> bool:
        """One batch. It is kept until the file has taken it."""
        if self._writing is None:
            while self._waiting and len(self._batch) < BATCH:
                self._batch.append(self._waiting.popleft())
            loop = asyncio.get_running_loop()
            self._writing = loop.run_in_executor(self._executor, self._file.write, list(self._batch))
        try:
            # A stop in the middle leaves the write running, and `close` waits for this same one.
            await asyncio.shield(self._writing)
            self._writing = None
        except (sqlite3.Error, OSError) as error:
            self._writing, self._sick = None, True
            if not self._ill:
                _log.error("history: %s takes nothing: %s", self._file.path, error)
            wait = f"{self.waiting} rows wait, it is tried again"
            self._health(f"history: {self._file.path} takes nothing ({error}); {wait}")
            return False
        self._sick = False
        done = {row.session: row.seq for row in self._batch if isinstance(row, MoodRow)}
        self._batch.clear()
        damaged = self._file.damaged
        self._health(f"history: the file was damaged and moved to {damaged}; a new one began" if damaged else "")
        for session, seq in done.items():
            await self._stored(session, seq)
        return True


def _newer(row: Row, last: Row) -> bool:
    """Only the newest stamp of life, or of what was told, is worth a row."""
    if isinstance(row, Heartbeat) and isinstance(last, Heartbeat):
        return last.blind_since_s in (None, row.blind_since_s)
    return isinstance(row, Delivered) and isinstance(last, Delivered)


def _clock_set(jumped_s: float, now_s: float) -> Entry:
    """Rows of before and after it are told apart by this one: a gap without length where the clock was put back."""
    days = round(abs(jumped_s) / 86_400)
    how_far = f"{days} days" if days > 1 else duration(abs(jumped_s))
    if jumped_s > 0:
        why = f"went forward by {how_far}: it was set, or this device slept"
    else:
        why = f"was put back by {how_far}"
    _log.warning("the clock %s", why)
    return Entry("gap", now_s - max(jumped_s, 0.0), until_s=now_s, why=f"the clock {why}")

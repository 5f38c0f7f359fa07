"""Rows for a history, and a running history."""

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from device.emotions import Emotion
from device.hub.history.database import Numbers
from device.hub.history.reader import read
from device.hub.history.rows import Entry, MoodRow
from device.hub.history.writer import History
from device.system.clock import WallClock


def change(seq: int, time_s: float, session: str = "s1", emotion: Emotion = Emotion.SAD) -> MoodRow:
    entry = Entry("mood", time_s, emotion.value, 0.7, -0.5, -0.2, 1, {"sad": 0.7}, "sad", 0.6, None, None)
    return MoodRow(session, seq, entry)


def kinds(folder: Path) -> list[tuple[str, str | None]]:
    return [(e.kind, e.emotion or e.rule or e.why) for e in read(folder)]


class Callbacks:
    """Records the callbacks of a History."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, int]] = []
        self.health: list[str] = []

    async def hear(self, session: str, seq: int, _: Numbers) -> None:
        self.stored.append((session, seq))


@asynccontextmanager
async def running_history(folder: Path, callbacks: Callbacks, clock: WallClock | None = None) -> Any:
    history = History(folder, 0, callbacks.hear, callbacks.health.append, retry_s=0.05, clock=clock or WallClock())
    task = asyncio.create_task(history.run())
    try:
        yield history
    finally:
        task.cancel()
        await asyncio.wait([task])
        await history.close()

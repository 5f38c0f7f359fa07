"""A running history with its outbox, and a fake broker."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from device.emotions import EMOTIONS
from device.hub.history.database import Numbers
from device.hub.history.rows import build_mood_row
from device.hub.history.writer import History
from device.hub.mqtt.change import Change
from device.hub.mqtt.outbox import MAX_ATTEMPTS, MAX_LIVE, Outbox
from tests.hub.hub_running import mood


class BrokenError(Exception):
    """The broker is gone."""


class House:
    """A history and an outbox on real files, and a broker that can go away."""

    def __init__(self, folder: Path, max_live: int = MAX_LIVE, max_attempts: int = MAX_ATTEMPTS) -> None:
        self.got: list[str] = []
        self.late: list[bool] = []
        self.delivered: list[Change] = []
        self.health: list[str] = []
        self.there = True
        self.pause_s = 0.0
        self.history = History(folder, 0, self._stored, lambda _: None, retry_s=0.05)
        self.outbox = Outbox(
            self.history, self.delivered.append, self.health.append, max_live=max_live, max_attempts=max_attempts
        )

    @property
    def waiting(self) -> int:
        """Changes in the outbox's memory."""
        return len(self.outbox._live) + len(self.outbox._page) + len(self.outbox._in_flight)

    async def _stored(self, session: str, seq: int, numbers: Numbers) -> None:
        self.outbox.mark_stored(session, seq, numbers)

    async def publish(self, payload: str) -> None:
        await asyncio.sleep(self.pause_s)
        if not self.there:
            raise BrokenError
        event = json.loads(payload)
        self.got.append(event["id"])
        self.late.append("late_s" in event)

    def change(self, *seqs: int, session: str = "s1", age_s: float = 0.0) -> None:
        for seq in seqs:
            row = build_mood_row(session, seq, mood(EMOTIONS[seq % 7], age_s=age_s))
            self.history.remember(row)
            self.outbox.add(session, seq, mood(EMOTIONS[seq % 7]), row.entry.time_s)

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        async def until_it_breaks() -> None:
            with contextlib.suppress(BrokenError):
                await self.outbox.deliver(self.publish)

        task = asyncio.create_task(until_it_breaks())
        yield
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def running_outbox(folder: Path, **limits: int) -> AsyncIterator[House]:
    house = House(folder, **limits)
    task = asyncio.create_task(house.history.run())
    await house.outbox.open()
    try:
        yield house
    finally:
        task.cancel()
        await asyncio.wait([task])
        await house.history.close()


def ids(*seqs: int, session: str = "s1") -> list[str]:
    return [f"{session}-{seq}" for seq in seqs]

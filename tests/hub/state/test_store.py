"""The store, and the page's stream of changes: complete, in order, resumed after a reconnect, for fifty pages."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from device.emotions import EMOTIONS, Emotion
from device.hub.hub import Hub
from device.hub.state.store import ChangeLog, Latest
from device.settings.schema import Settings
from tests.hub.conftest import free_port
from tests.hub.hub_running import Sense, mood, run, running, start_hub_process, until

PAGES, CHANGES = 50, 300
MAX_MB = 30.0


class Page:
    """What one page receives."""

    def __init__(self, address: str, last: str = "") -> None:
        self.changes: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.gaps = 0
        self.state: dict[str, Any] = {}
        self._address = address
        self._last = last

    def whole(self) -> bool:
        return len(self.changes) >= CHANGES

    @contextlib.asynccontextmanager
    async def open(self, client: aiohttp.ClientSession) -> AsyncIterator["Page"]:
        headers = {"Last-Event-ID": self._last} if self._last else {}
        task = asyncio.create_task(self._listen(client, headers))
        try:
            await until(lambda: task.done() or self.state)
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
                await task

    async def _listen(self, client: aiohttp.ClientSession, headers: dict[str, str]) -> None:
        async with client.get(self._address + "api/events", headers=headers) as answer:
            assert answer.status == 200
            kind = "message"
            async for raw in answer.content:
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "id":
                    self.ids.append(value)
                elif name == "data":
                    self._take(kind, value)
                    kind = "message"

    def _take(self, kind: str, value: str) -> None:
        if kind == "message":
            self.state = json.loads(value)
        elif kind == "change":
            self.changes.append(json.loads(value))
        elif kind == "gap":  # `page` and `ping` tell of no change
            self.gaps += 1


def open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(None), connector=aiohttp.TCPConnector(limit=0), read_bufsize=2**20
    )


async def leave_after_one(hub: Hub, sense: Sense, client: aiohttp.ClientSession, missed: int) -> Page:
    """A page that left after one change and missed the next ones."""
    async with Page(hub.page).open(client) as page:
        sense.change(mood(Emotion.HAPPY))
        await until(lambda: page.changes)
    for people in range(missed):
        sense.change(mood(Emotion.SAD, people=people))
    await until(lambda: hub.store.changes.last == 1 + missed)
    return page


def test_a_slow_reader_skips_to_the_newest() -> None:
    async def story() -> None:
        latest = Latest(0)
        with latest.subscribe() as fast, latest.subscribe() as slow:
            assert latest.subscribers == 2
            assert (await fast.newest(), await slow.newest()) == (0, 0), "the first call returns at once"
            for number in range(1, 6):
                latest.set(number)
                assert await fast.newest() == number
            assert await slow.newest() == 5
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(slow.newest(), 0.05)
            latest.wake()
            assert await slow.newest() == 5
        assert latest.subscribers == 0

    run(story())


def test_a_returning_page_gets_what_it_missed(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense, open_session() as client:
            first = await leave_after_one(hub, sense, client, 5)
            async with Page(hub.page, first.ids[-1]).open(client) as again:
                await until(lambda: len(again.changes) == 5)
                assert [change["people"] for change in again.changes] == [0, 1, 2, 3, 4]
                assert again.gaps == 0
            async with Page(hub.page).open(client) as other:
                assert other.changes == [], "a new page has missed nothing"

    run(story())


@pytest.mark.parametrize("last", ["0badc0de-1", "nonsense", "-", "-1", "{boot}-99", "{boot}-", "{boot}-1e3", "x" * 500])
def test_an_unknown_last_event_id_is_a_gap(house: Settings, last: str) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense, open_session() as client:
            sense.change(mood(Emotion.HAPPY))
            await until(lambda: hub.store.changes.last == 1)
            async with Page(hub.page, last.format(boot=hub.store.changes.boot)).open(client) as page:
                assert page.gaps == 1
                assert page.state["mood"]["emotion"] == "happy"
                sense.change(mood(Emotion.SAD))
                await until(lambda: [change["emotion"] for change in page.changes] == ["sad"])

    run(story())


def test_a_page_that_was_away_too_long_gets_a_gap(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense, open_session() as client:
            hub.store.changes = ChangeLog(4)
            first = await leave_after_one(hub, sense, client, 9)
            async with Page(hub.page, first.ids[-1]).open(client) as again:
                await until(lambda: len(again.changes) == 4)
                assert again.gaps == 1
                assert [change["people"] for change in again.changes] == [5, 6, 7, 8]

    run(story())


def _resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_fifty_pages_miss_no_change_and_cost_little_memory(house: Settings, tmp_path: Path) -> None:
    port = free_port()
    process = start_hub_process(house, tmp_path, level="WARNING", page=port)

    async def story() -> None:
        address = f"http://127.0.0.1:{port}/"
        async with open_session() as client, contextlib.AsyncExitStack() as stack:

            async def up() -> bool:
                with contextlib.suppress(aiohttp.ClientError):
                    return (await client.get(address + "api/state")).status == 200
                return False

            await until(up, 20)
            sense = await stack.enter_async_context(Sense(house))
            sense.change(mood())
            alone_mb = _resident_mb(process.pid)
            pages = [await stack.enter_async_context(Page(address).open(client)) for _ in range(PAGES)]
            for number in range(CHANGES):
                sense.change(mood(EMOTIONS[number % 7], people=number))
                if number % 10 == 0:
                    await asyncio.sleep(0.02)
            expected = list(range(CHANGES))
            for page in pages:
                await until(page.whole, 20)
                assert [change["people"] for change in page.changes][-CHANGES:] == expected
                assert page.gaps == 0
            cost_mb = _resident_mb(process.pid) - alone_mb
            print(f"50 pages and 300 changes: {cost_mb:.1f} MB of {alone_mb:.0f}")
            assert cost_mb < MAX_MB

    try:
        run(story(), 90)
    finally:
        process.terminate()
        process.wait(10)
        if process.stderr:
            process.stderr.close()

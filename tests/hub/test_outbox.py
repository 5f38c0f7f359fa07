"""The outbox: in order, none lost, none twice; with a broker that the test plays, and with a real one."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from device import link
from device.emotions import EMOTIONS, Emotion
from device.hub import outbox as outbox_module
from device.hub import outbox_file
from device.hub.history import History
from device.hub.history_file import FILE_NAME, HistoryFile, Row, Told
from device.hub.history_forgetting import forget
from device.hub.history_reading import read
from device.hub.outbox import Change, Outbox
from device.hub.remembering import change_row
from device.settings import Settings
from tests.hub.conftest import Broker
from tests.hub.helpers import Sense, Subscriber, door_is, hub_process, mood, run, running, until, with_broker
from tests.hub.test_history import change


class BrokenError(Exception):
    """The broker has gone."""


class House:
    """A history and an outbox on real files, and a broker that can go away."""

    def __init__(self, folder: Path) -> None:
        self.got: list[str] = []
        self.late: list[bool] = []
        self.told: list[Change] = []
        self.said: list[str] = []
        self.there = True
        self.pause_s = 0.0
        self.history = History(folder, 0, self._stored, lambda _: None, retry_s=0.05)
        self.outbox = Outbox(self.history, self.told.append, self.said.append)

    async def _stored(self, session: str, seq: int) -> None:
        self.outbox.stored(session, seq)

    async def publish(self, payload: str) -> None:
        await asyncio.sleep(self.pause_s)
        if not self.there:
            raise BrokenError
        event = json.loads(payload)
        self.got.append(event["id"])
        self.late.append("late_s" in event)

    def change(self, *seqs: int, session: str = "s1", age_s: float = 0.0) -> None:
        for seq in seqs:
            row = change_row(session, seq, mood(EMOTIONS[seq % 7], age_s=age_s))
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
async def living(folder: Path) -> AsyncIterator[House]:
    house = House(folder)
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


def cursor(folder: Path) -> int:
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as db:
        found: int = db.execute("SELECT mood FROM told").fetchone()[0]
        return found


def test_live_changes_are_told_in_order_and_not_again_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as house, house.delivering():
            house.change(*range(1, 101))
            await until(lambda: len(house.got) == 100)
            assert house.got == ids(*range(1, 101))
            assert not any(house.late)
            assert [change.seq for change in house.told] == list(range(1, 101))
        assert cursor(tmp_path) == 100, "a clean stop writes how far it came"
        async with living(tmp_path) as house, house.delivering():
            house.change(100, 101)  # sense missed the Ack of 100
            await until(lambda: house.got)
            await asyncio.sleep(0.1)
            assert house.got == ids(101)

    run(story())


def test_a_clean_stop_waits_for_what_is_under_way(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            house.pause_s = 0.1
            async with house.delivering():
                house.change(*range(1, 41))
                await until(lambda: house.outbox._flight)
            assert house.got == ids(*range(1, 17))
        async with living(tmp_path) as house, house.delivering():
            await until(lambda: len(house.got) == 24)
            assert house.got == ids(*range(17, 41))

    run(story())


def test_the_cursor_is_written_at_most_a_few_times_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with living(tmp_path) as house, house.delivering():
            marks: list[object] = []
            remember = house.history.remember

            def counted(row: Row) -> None:
                if isinstance(row, Told):
                    marks.append(row)
                remember(row)

            monkeypatch.setattr(house.history, "remember", counted)
            for seq in range(1, 101):
                house.change(seq)
                await asyncio.sleep(0.01)
            await until(lambda: cursor(tmp_path) == 100)
            assert 3 <= len(marks) <= 10

    run(story())


def test_what_happened_during_an_outage_comes_from_the_file_and_is_marked(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            house.change(*range(1, 501), age_s=600)
            await until(lambda: house.history.waiting == 0)
            assert house.outbox.waiting == 0, "what the disk has takes no memory"
            async with house.delivering():
                await until(lambda: len(house.got) == 500)
                house.change(501)
                await until(lambda: len(house.got) == 501)
        assert house.got == ids(*range(1, 502))
        assert house.late == [True] * 500 + [False]

    run(story())


def test_changes_of_several_sessions_and_hubs_keep_their_order(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            house.change(1, 2, 3, session="old")
        async with living(tmp_path) as house:
            house.change(4, session="old")
            house.change(1, 2, session="new")
            async with house.delivering():
                await until(lambda: len(house.got) == 6)
                house.change(3, session="new")
                await until(lambda: len(house.got) == 7)
            assert house.got == [*ids(1, 2, 3, 4, session="old"), *ids(1, 2, 3, session="new")]

    run(story())


def test_a_broker_that_goes_in_the_middle_is_told_the_rest_when_it_is_back(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            for first in range(1, 401, 40):
                house.there = True
                async with house.delivering():
                    house.change(*range(first, first + 20))
                    await until(lambda: len(house.got) >= 10)
                    house.there = False
                    house.change(*range(first + 20, first + 40))
                    await asyncio.sleep(0.02)
            house.there = True
            async with house.delivering():
                await until(lambda: len(house.got) == 400)
            assert house.got == ids(*range(1, 401))

    run(story())


def test_a_flood_over_what_memory_holds_goes_by_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "MOST_FRESH", 20)

    async def story() -> None:
        async with living(tmp_path) as house, house.delivering():
            house.pause_s = 0.002
            for seq in range(1, 1001):
                house.change(seq)
                assert house.outbox.waiting <= 20 + outbox_module.PAGE + outbox_module.IN_FLIGHT
                if seq % 7 == 0:
                    await asyncio.sleep(0)
            await until(lambda: len(house.got) == 1000, 20)
            assert house.got == ids(*range(1, 1001))
            assert house.said == []

    run(story())


def test_an_old_file_is_told_from_now_on(tmp_path: Path) -> None:
    HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0), change(2, 101.0)])
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:  # as the version before had it
        db.executescript("DROP TABLE told; PRAGMA user_version = 1;")

    async def story() -> None:
        async with living(tmp_path) as house, house.delivering():
            house.change(3)
            await until(lambda: house.got)
            await asyncio.sleep(0.1)
            assert house.got == ids(3)
        assert len(read(tmp_path)) == 3, "and what it remembered is still there"

    run(story())


def test_what_was_remembered_without_a_broker_is_not_told_when_there_is_one(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            await house.history.ask(outbox_file.no_broker)
            house.change(1, 2, 3)
        async with living(tmp_path) as house, house.delivering():
            house.change(4)
            await until(lambda: house.got)
            assert house.got == ids(4)

    run(story())


def test_what_is_forgotten_is_not_told_and_what_comes_after_is(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            house.change(1, 2, age_s=7200)
            house.change(3, 4)
            await until(lambda: house.history.waiting == 0)
            assert await asyncio.to_thread(forget, tmp_path, time.time() - 3600)
            house.change(5)
            async with house.delivering():
                await until(lambda: len(house.got) == 3)
                await asyncio.sleep(0.1)
            assert house.got == ids(1, 2, 5)
            await asyncio.to_thread(forget, tmp_path, None)
        assert cursor(tmp_path) == 0
        async with living(tmp_path) as house:
            house.change(6)
            await until(lambda: house.history.waiting == 0)
            async with house.delivering():
                await until(lambda: house.got)
            assert house.got == ids(6), "its row has an id that was told before"

    run(story())


def test_a_damaged_row_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            house.change(1, 2, 3)
            await until(lambda: house.history.waiting == 0)
            with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
                db.execute("UPDATE moods SET emotion = 'merry' WHERE seq = 2")
            async with house.delivering():
                await until(lambda: len(house.got) == 2)
            assert house.got == ids(1, 3)

    run(story())
    assert "change s1-2 in the history is damaged" in caplog.text


def test_a_whole_page_of_damage_is_left_out(tmp_path: Path) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            house.change(*range(1, outbox_module.PAGE * 2 + 2))
            await until(lambda: house.history.waiting == 0)
            with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
                db.execute("UPDATE moods SET probabilities = '{}' WHERE seq <= ?", (outbox_module.PAGE,))
            async with house.delivering():
                await until(lambda: len(house.got) == outbox_module.PAGE + 1)

    run(story())


# -- without a disk


def ill(folder: Path) -> Path:
    """A folder that cannot be one, by root neither."""
    path = folder / "state"
    path.write_text("in the way")
    return path


def test_without_a_disk_live_changes_are_told_from_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox_module, "_TRIES", 1)

    async def story() -> None:
        async with living(ill(tmp_path)) as house:
            await until(lambda: not house.history.well)
            house.change(1, 2)
            async with house.delivering():
                await until(lambda: house.got == ids(1, 2))
                house.change(3)
                await until(lambda: house.got == ids(1, 2, 3))
            house.there = False
            async with house.delivering():
                house.change(4)
                await asyncio.sleep(0.05)
            house.there = True
            async with house.delivering():
                await until(lambda: house.got == ids(1, 2, 3, 4))

    run(story())


def test_without_disk_and_broker_memory_is_bounded_and_what_is_dropped_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(outbox_module, "MOST_FRESH", 50)
    monkeypatch.setattr(outbox_module, "_TRIES", 1)

    async def story() -> None:
        async with living(ill(tmp_path)) as house:
            await until(lambda: not house.history.well)
            house.change(*range(1, 201))
            assert house.outbox.waiting == 50
            assert house.said[-1] == "101 or more changes were not told: neither the broker nor the disk took them"
            async with house.delivering():
                await until(lambda: len(house.got) == 50)
            assert house.got == ids(*range(151, 201)), "the newest"

    run(story())
    assert "changes dropped, since neither the broker nor the disk takes them" in caplog.text


def test_a_file_that_fails_for_a_moment_is_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with living(tmp_path) as house:
            house.change(1, 2)
            await until(lambda: house.history.waiting == 0)
            whole, calls = outbox_file.untold, []

            def failing(db: sqlite3.Connection, **more: Any) -> Any:
                calls.append(1)
                if len(calls) == 1:
                    raise sqlite3.OperationalError("disk I/O error")
                return whole(db, **more)

            monkeypatch.setattr(outbox_file, "untold", failing)
            async with house.delivering():
                await until(lambda: house.got == ids(1, 2))

    run(story())


# -- with a real broker


async def connected(port: int, name: str = "") -> Subscriber:
    subscriber = Subscriber(port, name)
    await subscriber.ready.wait()
    return subscriber


async def send(sense: Sense, seqs: range) -> None:
    for seq in seqs:
        sense.change(mood(EMOTIONS[seq % 7]), seq)
        if seq % 100 == 0:
            await sense.writer.drain()


def test_a_thousand_changes_of_an_outage_arrive_in_order_though_the_hub_is_killed(
    house: Settings, broker: Broker, short: Path
) -> None:
    async def story() -> None:
        listener = await connected(broker.port, "listener")
        await listener.stop()
        broker.stop()
        hub = hub_process(house, short, broker.port, "WARNING")
        try:
            await until(lambda: door_is(house), 15)
            async with Sense(house) as sense:
                await send(sense, range(1, 501))
                await until(lambda: sense.acked() == 500, 20)
            os.kill(hub.pid, signal.SIGKILL)
            hub.communicate(timeout=5)
            hub = hub_process(house, short, broker.port, "WARNING")
            await until(lambda: answers(house), 15)
            async with Sense(house) as sense:
                await send(sense, range(481, 1001))  # the last ones again: their Ack may have been lost
                await until(lambda: sense.acked() == 1000, 20)
                broker.start()
                listener = await connected(broker.port, "listener")
                await until(lambda: len(listener.events()) >= 1000, 30)
                sense.change(mood(Emotion.HAPPY), 1001)
                await until(lambda: len(listener.events()) >= 1001, 10)
            hub.terminate()
            assert await asyncio.to_thread(hub.wait, 10) == 0
            hub.communicate(timeout=5)
            hub = hub_process(house, short, broker.port, "WARNING")
            await until(lambda: listener.of("mien/test/availability")[-1] == "online", 15)
            await asyncio.sleep(0.5)
            await listener.stop()
            events = listener.events()
            assert [event["id"] for event in events] == ids(*range(1, 1002))
            assert [event["event_type"] for event in events[:1000]] == [EMOTIONS[n % 7].value for n in range(1, 1001)]
            assert "late_s" not in events[-1]
            times = [event["time"] for event in events]
            assert times == sorted(times)
        finally:
            hub.kill()
            hub.communicate(timeout=5)

    run(story(), 100)


def answers(settings: Settings) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(link.socket_path(settings.runtime_dir))) == 0


def test_from_the_frame_to_a_subscriber_it_takes_some_milliseconds(
    house: Settings, broker: Broker, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        async with running(with_broker(house, broker.port)) as hub, Sense(house) as sense:
            await until(lambda: hub.board.now.mqtt == "")
            listener = await connected(broker.port)
            began: list[float] = []
            for seq in range(1, 61):
                began.append(time.monotonic())
                sense.change(mood(EMOTIONS[seq % 7]), seq)
                await until(_told(listener, seq))
                await asyncio.sleep(0.05)
            times = [at for at, topic, _, _ in listener.got if topic == "mien/test/event"]
            delays = sorted(1000 * (at - first) for at, first in zip(times, began, strict=True))
            await listener.stop()
            median = statistics.median(delays)
            with capsys.disabled():
                spread = f"95 % {delays[56]:.1f} ms, most {delays[-1]:.1f} ms"
                print(f"\n  frame to subscriber: median {median:.1f} ms, {spread}")
            assert median < 50

    run(story())


def _told(listener: Subscriber, seq: int) -> Callable[[], bool]:
    return lambda: len(listener.of("mien/test/event")) >= seq


def rss_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def test_ten_thousand_changes_as_fast_as_they_come_in_bounded_memory(
    house: Settings, broker: Broker, short: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story() -> None:
        hub = hub_process(house, short, broker.port, "WARNING")
        try:
            await until(lambda: door_is(house), 15)
            listener = await connected(broker.port)
            async with Sense(house) as sense:
                await send(sense, range(1, 101))
                await until(lambda: len(listener.of("mien/test/event")) == 100)
                before, began_s = rss_mb(hub.pid), time.monotonic()
                await send(sense, range(101, 10_101))
                await until(lambda: len(listener.of("mien/test/event")) == 10_100, 80)
                took_s, grown = time.monotonic() - began_s, rss_mb(hub.pid) - before
            await listener.stop()
            with capsys.disabled():
                print(f"\n  10,000 changes: {took_s:.1f} s, at most {grown:.1f} MB more than before")
            assert [event["id"] for event in listener.events()] == ids(*range(1, 10_101))
            assert grown < 30
        finally:
            hub.kill()
            hub.communicate(timeout=5)

    run(story(), 110)

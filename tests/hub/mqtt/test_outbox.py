"""The outbox with a fake broker: in order, nothing lost, nothing twice."""

import asyncio
import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from device.hub.history import outbox_cursor
from device.hub.history.database import FILE_NAME, HistoryFile
from device.hub.history.deletion import forget
from device.hub.history.reader import read
from device.hub.history.rows import Delivered, Row
from device.hub.mqtt import outbox as outbox_module
from tests.hub.history.builders import change
from tests.hub.hub_running import run, until
from tests.hub.mqtt.outbox_setup import ids, running_outbox


def read_cursor(folder: Path) -> int:
    """How many changes in the file are marked as delivered."""
    with contextlib.closing(sqlite3.connect(folder / FILE_NAME)) as db:
        found: int = db.execute("SELECT count(*) FROM moods WHERE id <= (SELECT mood FROM told)").fetchone()[0]
        return found


def test_live_changes_are_delivered_in_order_and_not_again_after_a_restart(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house, house.delivering():
            house.change(*range(1, 101))
            await until(lambda: len(house.delivered) == 100)
            assert house.got == ids(*range(1, 101))
            assert not any(house.late)
            assert [change.seq for change in house.delivered] == list(range(1, 101))
        assert read_cursor(tmp_path) == 100, "a clean stop writes the cursor"
        async with running_outbox(tmp_path) as house, house.delivering():
            house.change(100, 101)  # sense missed the Ack of 100
            await until(lambda: house.got)
            await asyncio.sleep(0.1)
            assert house.got == ids(101)

    run(story())


def test_a_clean_stop_waits_for_messages_in_flight(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
            house.pause_s = 0.1
            async with house.delivering():
                house.change(*range(1, 41))
                await until(lambda: house.outbox._in_flight)
            assert house.got == ids(*range(1, 17))
        async with running_outbox(tmp_path) as house, house.delivering():
            await until(lambda: len(house.got) == 24)
            assert house.got == ids(*range(17, 41))

    run(story())


def test_the_cursor_is_written_at_most_a_few_times_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house, house.delivering():
            marks: list[object] = []
            remember = house.history.remember

            def counted(row: Row) -> None:
                if isinstance(row, Delivered):
                    marks.append(row)
                remember(row)

            monkeypatch.setattr(house.history, "remember", counted)
            for seq in range(1, 101):
                house.change(seq)
                await asyncio.sleep(0.01)
            await until(lambda: read_cursor(tmp_path) == 100)
            assert 3 <= len(marks) <= 10

    run(story())


def test_changes_of_an_outage_come_from_the_file_and_are_marked_late(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
            house.change(*range(1, 501), age_s=20)
            await until(lambda: house.history.waiting == 0)
            assert house.waiting == 0, "stored changes take no memory"
            async with house.delivering():
                await until(lambda: len(house.got) == 500)
                house.change(501)
                await until(lambda: len(house.got) == 501)
        assert house.got == ids(*range(1, 502))
        assert house.late == [True] * 500 + [False]

    run(story())


def test_changes_of_several_sessions_and_hubs_keep_their_order(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
            house.change(1, 2, 3, session="old")
        async with running_outbox(tmp_path) as house:
            house.change(4, session="old")
            house.change(1, 2, session="new")
            async with house.delivering():
                await until(lambda: len(house.got) == 6)
                house.change(3, session="new")
                await until(lambda: len(house.got) == 7)
            assert house.got == [*ids(1, 2, 3, 4, session="old"), *ids(1, 2, 3, session="new")]

    run(story())


def test_a_returning_broker_gets_the_rest(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
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


def test_a_flood_beyond_the_memory_limit_goes_through_the_file(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path, max_live=20) as house, house.delivering():
            house.pause_s = 0.002
            for seq in range(1, 1001):
                house.change(seq)
                assert house.waiting <= 20 + outbox_module.PAGE + outbox_module.IN_FLIGHT
                if seq % 7 == 0:
                    await asyncio.sleep(0)
            await until(lambda: len(house.got) == 1000, 20)
            assert house.got == ids(*range(1, 1001))
            assert house.health == []

    run(story())


def test_moods_of_an_old_file_count_as_delivered(tmp_path: Path) -> None:
    HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0), change(2, 101.0)])
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:  # as in version 1
        db.executescript("DROP TABLE told; DROP TABLE numbers; PRAGMA user_version = 1;")

    async def story() -> None:
        async with running_outbox(tmp_path) as house, house.delivering():
            house.change(3)
            await until(lambda: house.got)
            await asyncio.sleep(0.1)
            assert house.got == ids(3)
        assert len(read(tmp_path)) == 3, "its rows are still there"

    run(story())


def test_changes_from_a_time_without_a_broker_are_never_delivered(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
            await house.history.query(outbox_cursor.disable)
            house.change(1, 2, 3)
        async with running_outbox(tmp_path) as house, house.delivering():
            house.change(4)
            await until(lambda: house.got)
            assert house.got == ids(4)

    run(story())


def test_deleted_changes_are_not_delivered_and_later_ones_are(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
            house.change(1, 2, age_s=40)
            house.change(3, 4)
            await until(lambda: house.history.waiting == 0)
            assert await asyncio.to_thread(forget, tmp_path, time.time() - 20)
            house.change(5)
            async with house.delivering():
                await until(lambda: len(house.got) == 3)
                await asyncio.sleep(0.1)
            assert house.got == ids(1, 2, 5)
            await asyncio.to_thread(forget, tmp_path, None)
        assert read_cursor(tmp_path) == 0
        async with running_outbox(tmp_path) as house:
            house.change(6)
            await until(lambda: house.history.waiting == 0)
            async with house.delivering():
                await until(lambda: house.got)
            assert house.got == ids(6)

    run(story())


def test_a_damaged_row_is_skipped(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
            house.change(1, 2, 3)
            await until(lambda: house.history.waiting == 0)
            with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
                db.execute("UPDATE moods SET emotion = 'merry' WHERE seq = 2")
            async with house.delivering():
                await until(lambda: len(house.got) == 2)
            assert house.got == ids(1, 3)

    run(story())
    assert "change s1-2 in the history is damaged" in caplog.text


def test_a_whole_page_of_damaged_rows_is_skipped(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
            house.change(*range(1, outbox_module.PAGE * 2 + 2))
            await until(lambda: house.history.waiting == 0)
            with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
                db.execute("UPDATE moods SET probabilities = '{}' WHERE seq <= ?", (outbox_module.PAGE,))
            async with house.delivering():
                await until(lambda: len(house.got) == outbox_module.PAGE + 1)

    run(story())

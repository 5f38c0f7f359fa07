"""The outbox without a disk: it delivers from memory, which is bounded."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from device.hub.history import outbox_cursor
from tests.hub.hub_running import run, until
from tests.hub.mqtt.outbox_setup import ids, running_outbox


def make_unusable(folder: Path) -> Path:
    """A folder that nobody can create, not even root."""
    path = folder / "state"
    path.write_text("in the way")
    return path


def test_without_a_disk_live_changes_are_delivered_from_memory(tmp_path: Path) -> None:
    async def story() -> None:
        async with running_outbox(make_unusable(tmp_path), max_attempts=1) as house:
            await until(lambda: not house.history.is_healthy)
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


def test_without_disk_and_broker_memory_is_bounded_and_losses_are_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with running_outbox(make_unusable(tmp_path), max_live=50, max_attempts=1) as house:
            await until(lambda: not house.history.is_healthy)
            house.change(*range(1, 201))
            assert house.waiting == 50
            assert house.health[-1] == "at least 101 changes were lost: broker and disk were both unavailable"
            async with house.delivering():
                await until(lambda: len(house.got) == 50)
            assert house.got == ids(*range(151, 201)), "the newest"

    run(story())
    assert "changes dropped, because broker and disk are both unavailable" in caplog.text


def test_a_failed_read_of_the_file_is_retried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with running_outbox(tmp_path) as house:
            house.change(1, 2)
            await until(lambda: house.history.waiting == 0)
            whole, calls = outbox_cursor.read_undelivered, []

            def failing(db: sqlite3.Connection, **more: Any) -> Any:
                calls.append(1)
                if len(calls) == 1:
                    raise sqlite3.OperationalError("disk I/O error")
                return whole(db, **more)

            monkeypatch.setattr(outbox_cursor, "read_undelivered", failing)
            async with house.delivering():
                await until(lambda: house.got == ids(1, 2))

    run(story())

"""The outbox without a disk: told from memory, which is bounded."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from device.hub.history import outbox_cursor
from device.hub.mqtt import outbox as outbox_module
from tests.hub.hub_running import run, until
from tests.hub.mqtt.outbox_setup import ids, living


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
    monkeypatch.setattr(outbox_module, "MAX_FRESH", 50)
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
            whole, calls = outbox_cursor.untold, []

            def failing(db: sqlite3.Connection, **more: Any) -> Any:
                calls.append(1)
                if len(calls) == 1:
                    raise sqlite3.OperationalError("disk I/O error")
                return whole(db, **more)

            monkeypatch.setattr(outbox_cursor, "untold", failing)
            async with house.delivering():
                await until(lambda: house.got == ids(1, 2))

    run(story())

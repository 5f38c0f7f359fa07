"""The queue in front of the history: nothing is lost, even on a failing disk."""

import asyncio
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.hub.history.database import FILE_NAME, HistoryFile, Numbers
from device.hub.history.reader import read
from device.hub.history.rows import Entry
from device.hub.history.writer import BUSY_ROWS, ROOM_S, History
from device.ipc.messages import PEER_TIMEOUT_S
from device.settings.schema import Settings
from device.system.clock import WallClock
from tests.hub.history.builders import Callbacks, change, kinds, running_history
from tests.hub.hub_running import run, until


def test_on_stored_is_called_after_the_commit(tmp_path: Path) -> None:
    callbacks = Callbacks()

    async def story() -> None:
        async with running_history(tmp_path, callbacks) as history:
            history.remember(change(1, 100.0))
            history.remember(change(2, 101.0))
            await until(lambda: ("s1", 2) in callbacks.stored)
            assert len(read(tmp_path)) == 2

    run(story())


def test_a_clock_jump_is_a_gap(tmp_path: Path) -> None:
    wall, real = [1000.0], [0.0]
    callbacks = Callbacks()

    async def story() -> None:
        async with running_history(tmp_path, callbacks, WallClock(lambda: wall[0], lambda: real[0])) as history:
            for number, (later_s, set_s) in enumerate([(10, 0), (600, 29), (10, 28_800), (10, -7200)], 1):
                wall[0], real[0] = wall[0] + later_s + set_s, real[0] + later_s
                history.remember(change(number, wall[0]))
            await until(lambda: ("s1", 4) in callbacks.stored)

    run(story())
    gaps = [(entry.time_s, entry.until_s, entry.why) for entry in read(tmp_path) if entry.kind == "gap"]
    slept = "the clock went forward by 8 h: it was set, or this device slept"
    assert gaps == [(1649, 30_449, slept), (23_259, 23_259, "the clock was put back by 2 h")]
    assert [entry.time_s for entry in read(tmp_path) if entry.kind == "mood"] == [1010, 1639, 23_259, 30_449]


def test_a_stop_during_a_write_stores_each_row_once(tmp_path: Path) -> None:
    async def story() -> None:
        for n in range(10):
            async with running_history(tmp_path, Callbacks()) as history:
                history.remember(Entry("action", float(n), rule=f"r{n}", action="{}", result="done"))
                await asyncio.sleep(0.001 * n)

    run(story())
    assert [e.rule for e in read(tmp_path)] == [f"r{n}" for n in range(10)]


def test_a_damaged_file_is_moved_aside_and_replaced(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database at all, whatever its name says" * 100)
    callbacks = Callbacks()

    async def story() -> None:
        async with running_history(tmp_path, callbacks) as history:
            history.remember(change(1, time.time() - 1))
            await until(lambda: callbacks.stored)

    run(story())
    aside = list(tmp_path.glob("history-damaged-20*.sqlite3"))
    assert len(aside) == 1
    assert aside[0].read_bytes().startswith(b"this is no database")
    assert callbacks.health[-1] == f"history: the file was damaged and moved to {aside[0].name}; a new one began"
    assert "is damaged" in caplog.text
    assert [kind for kind, _ in kinds(tmp_path)] == ["mood", "gap"]


def test_a_locked_file_is_retried(tmp_path: Path) -> None:
    HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0)])
    callbacks = Callbacks()

    async def story() -> None:
        locker = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        async with running_history(tmp_path, callbacks) as history:
            history.remember(change(2, 101.0))
            await until(lambda: any("locked" in text for text in callbacks.health))
            assert callbacks.stored == []
            locker.execute("ROLLBACK")
            await until(lambda: callbacks.stored == [("s1", 2)])
            assert callbacks.health[-1] == ""
        locker.close()

    run(story())


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        os.geteuid() != 0
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "mien", str(disk)], check=False).returncode
    ):
        pytest.skip("a small disk can be mounted by root only")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_loses_nothing_and_is_retried(small_disk: Path) -> None:
    callbacks = Callbacks()

    async def story() -> None:
        async with running_history(small_disk, callbacks) as history:
            history.remember(change(1, 100.0))
            await until(lambda: callbacks.stored == [("s1", 1)])
            with (small_disk / "filler").open("wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(b"x" * 4096)
                except OSError:
                    pass
            for seq in range(2, 200):
                history.remember(change(seq, 100.0 + seq))
            await until(lambda: callbacks.health[-1:] and "is retried" in callbacks.health[-1])
            stored = [e.time_s for e in read(small_disk)]
            assert stored[0] == 100.0, "stored rows are still there"
            (small_disk / "filler").unlink()
            await until(lambda: callbacks.stored[-1] == ("s1", 199))
            assert callbacks.health[-1] == ""

    run(story())
    assert [e.time_s for e in read(small_disk)] == [100.0, *(100.0 + seq for seq in range(2, 200))]


def test_the_queue_is_bounded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        history = History(tmp_path, 0, Callbacks().hear, lambda _: None, max_waiting=3)
        for seq in range(1, 7):
            history.remember(change(seq, 100.0 + seq))
        await history.close()

    run(story())
    assert "rows dropped" in caplog.text
    assert kinds(tmp_path)[1:] == [("mood", "sad")] * 3
    assert kinds(tmp_path)[0] == ("gap", "3 changes lost while hub was away")


def test_a_flood_waits_for_the_disk_but_shorter_than_the_peer_timeout(house: Settings) -> None:
    async def story() -> None:
        history = History(house.state_dir, 0, _nobody, lambda _: None)
        for n in range(BUSY_ROWS + 5):
            history.remember(Entry("action", float(n), rule="r", action="{}", result="done"))
        start_s = time.monotonic()
        await history.wait_for_room()
        assert ROOM_S <= time.monotonic() - start_s < PEER_TIMEOUT_S
        task = asyncio.create_task(history.run())
        await history.wait_for_room()
        assert history.waiting <= BUSY_ROWS
        task.cancel()
        await asyncio.wait([task])
        await history.close()

    run(story())


async def _nobody(session: str, seq: int, numbers: Numbers) -> None:
    """Ignores what was stored."""

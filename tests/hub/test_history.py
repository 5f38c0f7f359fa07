"""The history on real files: once each, holes visible, and a sick disk survived."""

import asyncio
import csv
import os
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from device.emotions import Emotion
from device.errors import MienError, SettingsError
from device.hub import history as history_module
from device.hub import history_forgetting
from device.hub.clock import WallClock
from device.hub.history import History
from device.hub.history_file import FILE_NAME, Alive, Entry, GapBegins, GapEnds, HistoryFile, MoodRow
from device.hub.history_forgetting import Forgotten, forget
from device.hub.history_reading import parse_since, read, to_csv, to_text
from tests.hub.helpers import run, until


def change(seq: int, time_s: float, session: str = "s1", emotion: Emotion = Emotion.SAD) -> MoodRow:
    entry = Entry("mood", time_s, emotion.value, 0.7, -0.5, -0.2, 1, {"sad": 0.7}, "sad", 0.6, None, None)
    return MoodRow(session, seq, entry)


def kinds(folder: Path) -> list[tuple[str, str | None]]:
    return [(e.kind, e.emotion or e.rule or e.why) for e in read(folder)]


def test_a_resend_is_no_second_row_even_after_a_restart(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([change(1, 100.0), change(2, 101.0), change(2, 101.0)])
    file.close()
    again = HistoryFile(tmp_path, 0, 102.0)
    again.write([change(1, 100.0), change(2, 101.0), change(3, 103.0)])
    assert [e.time_s for e in read(tmp_path)] == [100.0, 101.0, 103.0]


def test_a_jump_of_seq_is_a_gap(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([change(1, 100.0), change(5, 110.0), change(3, 200.0, "s2")])
    gaps = [(e.time_s, e.until_s, e.why) for e in read(tmp_path) if e.kind == "gap"]
    assert gaps == [
        (100.0, 110.0, "3 changes lost while hub was away"),
        (110.0, 200.0, "2 changes lost while hub was away"),
    ]


def test_away_and_back(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([GapBegins(100.0, "sense was away"), GapBegins(105.0, "hub was away")])
    assert [(e.time_s, e.until_s) for e in read(tmp_path)] == [(100.0, None)]
    file.write([GapEnds(120.0)])
    assert next((e.time_s, e.until_s, e.why) for e in read(tmp_path)) == (100.0, 120.0, "sense was away")


def test_a_killed_hub_leaves_a_gap_that_the_next_one_closes(tmp_path: Path) -> None:
    now = time.time()
    file = HistoryFile(tmp_path, 0, now - 100)
    file.write([GapEnds(now - 90), Alive(now - 60)])
    file.close()
    assert [(e.until_s, e.why) for e in read(tmp_path)] == [(None, "hub was away")], "visible before the next start"
    HistoryFile(tmp_path, 0, now - 10).write([Alive(now)])
    gap = read(tmp_path)[0]
    assert gap.time_s == pytest.approx(now - 60)
    assert gap.until_s == pytest.approx(now - 10)


def test_a_clean_stop_leaves_a_gap_that_the_next_one_closes(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([Alive(150.0), GapBegins(152.0, "hub was away")])
    file.close()
    HistoryFile(tmp_path, 0, 200.0).write([])
    assert next((e.time_s, e.until_s) for e in read(tmp_path) if e.kind == "gap") == (152.0, 200.0)


def test_old_rows_go_once_the_clock_has_gone_well_for_an_hour(tmp_path: Path) -> None:
    now = time.time()
    wall = [now, 0.0]
    file = HistoryFile(tmp_path, 7, now, WallClock(lambda: wall[0], lambda: wall[1]))

    def left(later_s: float, set_s: float = 0.0) -> int:
        wall[:] = [wall[0] + later_s + set_s, wall[1] + later_s]
        file.write([Alive(wall[0])])
        return len([entry for entry in read(tmp_path) if entry.kind == "mood"])

    file.write([change(1, now - 8 * 86_400), change(2, now - 6 * 86_400)])
    year_s = 365 * 86_400.0
    assert left(3500) == 2
    assert left(60, year_s) == 2
    assert left(3500) == 2
    assert left(60, -year_s) == 2, "back before an hour was over: nothing was deleted"
    assert left(3500) == 2
    assert left(200) == 1
    file.write([change(3, now - 8 * 86_400)])
    assert (left(3500), left(200)) == (2, 1), "once an hour from then on"


def test_one_bad_row_stores_none_of_its_batch(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    bad = MoodRow("s1", 2, Entry("mood", 101.0))
    with pytest.raises(sqlite3.IntegrityError):
        file.write([change(1, 100.0), bad])
    assert read(tmp_path) == []


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    HistoryFile(tmp_path / "new", 0, 100.0).write([change(1, 100.0)])
    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "new").iterdir()} == {0}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.NotSupportedError, match="99"):
        HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0)])
    assert [p.name for p in tmp_path.iterdir() if "damaged" in p.name] == []


# -- the queue in front of it


class Told:
    """What the history said."""

    def __init__(self) -> None:
        self.stored: list[tuple[str, int]] = []
        self.health: list[str] = []

    async def hear(self, session: str, seq: int) -> None:
        self.stored.append((session, seq))


@asynccontextmanager
async def remembering(folder: Path, told: Told, clock: WallClock | None = None) -> Any:
    history = History(folder, 0, told.hear, told.health.append, retry_s=0.05, clock=clock)
    task = asyncio.create_task(history.run())
    try:
        yield history
    finally:
        task.cancel()
        await asyncio.wait([task])
        await history.close()


def test_stored_is_said_after_the_commit(tmp_path: Path) -> None:
    told = Told()

    async def story() -> None:
        async with remembering(tmp_path, told) as history:
            history.remember(change(1, 100.0))
            history.remember(change(2, 101.0))
            await until(lambda: ("s1", 2) in told.stored)
            assert len(read(tmp_path)) == 2

    run(story())


def test_a_clock_that_does_not_go_as_time_does_is_a_gap(tmp_path: Path) -> None:
    wall, real = [1000.0], [0.0]
    told = Told()

    async def story() -> None:
        async with remembering(tmp_path, told, WallClock(lambda: wall[0], lambda: real[0])) as history:
            for number, (later_s, set_s) in enumerate([(10, 0), (600, 29), (10, 28_800), (10, -7200)], 1):
                wall[0], real[0] = wall[0] + later_s + set_s, real[0] + later_s
                history.remember(change(number, wall[0]))
            await until(lambda: ("s1", 4) in told.stored)

    run(story())
    said = [(entry.time_s, entry.until_s, entry.why) for entry in read(tmp_path) if entry.kind == "gap"]
    slept = "the clock went forward by 8 h: it was set, or this device slept"
    assert said == [(1649, 30_449, slept), (23_259, 23_259, "the clock was put back by 2 h")]
    assert [entry.time_s for entry in read(tmp_path) if entry.kind == "mood"] == [1010, 1639, 23_259, 30_449]


def test_a_stop_in_the_middle_writes_each_row_once(tmp_path: Path) -> None:
    async def story() -> None:
        for n in range(10):
            async with remembering(tmp_path, Told()) as history:
                history.remember(Entry("action", float(n), rule=f"r{n}", action="{}", result="done"))
                await asyncio.sleep(0.001 * n)

    run(story())
    assert [e.rule for e in read(tmp_path)] == [f"r{n}" for n in range(10)]


def test_a_damaged_file_is_moved_aside_and_a_new_one_begun(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database at all, whatever its name says" * 100)
    told = Told()

    async def story() -> None:
        async with remembering(tmp_path, told) as history:
            history.remember(change(1, time.time() - 1))
            await until(lambda: told.stored)

    run(story())
    aside = list(tmp_path.glob("history-damaged-20*.sqlite3"))
    assert len(aside) == 1
    assert aside[0].read_bytes().startswith(b"this is no database")
    assert told.health[-1] == f"history: the file was damaged and moved to {aside[0].name}; a new one began"
    assert "is damaged" in caplog.text
    assert [kind for kind, _ in kinds(tmp_path)] == ["mood", "gap"]


def test_a_locked_file_is_tried_again(tmp_path: Path) -> None:
    HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0)])
    told = Told()

    async def story() -> None:
        locker = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        async with remembering(tmp_path, told) as history:
            history.remember(change(2, 101.0))
            await until(lambda: any("locked" in text for text in told.health))
            assert told.stored == []
            locker.execute("ROLLBACK")
            await until(lambda: told.stored == [("s1", 2)])
            assert told.health[-1] == ""
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


def test_a_full_disk_loses_nothing_and_is_tried_again(small_disk: Path) -> None:
    told = Told()

    async def story() -> None:
        async with remembering(small_disk, told) as history:
            history.remember(change(1, 100.0))
            await until(lambda: told.stored == [("s1", 1)])
            with (small_disk / "filler").open("wb", buffering=0) as filler:
                try:
                    while True:
                        filler.write(b"x" * 4096)
                except OSError:
                    pass
            for seq in range(2, 200):
                history.remember(change(seq, 100.0 + seq))
            await until(lambda: told.health[-1:] and "tried again" in told.health[-1])
            stored = [e.time_s for e in read(small_disk)]
            assert stored[0] == 100.0, "what was stored is still there"
            (small_disk / "filler").unlink()
            await until(lambda: told.stored[-1] == ("s1", 199))
            assert told.health[-1] == ""

    run(story())
    assert [e.time_s for e in read(small_disk)] == [100.0, *(100.0 + seq for seq in range(2, 200))]


def test_the_queue_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(history_module, "MOST_WAITING", 3)

    async def story() -> None:
        history = History(tmp_path, 0, Told().hear, lambda _: None)
        for seq in range(1, 7):
            history.remember(change(seq, 100.0 + seq))
        await history.close()

    run(story())
    assert "rows dropped" in caplog.text
    assert kinds(tmp_path)[1:] == [("mood", "sad")] * 3
    assert kinds(tmp_path)[0] == ("gap", "3 changes lost while hub was away")


# -- reading


def test_csv_and_text_have_the_gaps_in_order_of_time(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    action = Entry("action", 102.5, rule="comfort", action='{"action":"lamp"}', result="done")
    file.write([change(1, 100.0), change(3, 103.0), action, GapBegins(104.0, "sense was away")])
    entries = read(tmp_path)
    rows = list(csv.DictReader(to_csv(entries).splitlines()))
    assert [row["kind"] for row in rows] == ["mood", "gap", "action", "mood", "gap"]
    assert rows[0]["time"] == "1970-01-01T00:01:40.000+00:00"
    assert (rows[0]["emotion"], rows[0]["probabilities"]) == ("sad", '{"sad":0.7}')
    assert (rows[4]["why"], rows[4]["until"]) == ("sense was away", "")
    assert "sad 70 % (face sad 60 %), 1 person" in to_text(entries[0])
    assert "rule comfort" in to_text(entries[2])
    assert "gap until now: sense was away" in to_text(entries[4])


def test_since_keeps_a_gap_that_reaches_over_it(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([change(1, 100.0), GapBegins(101.0, "sense was away"), GapEnds(300.0), change(2, 301.0)])
    assert [e.kind for e in read(tmp_path, 200.0)][:2] == ["gap", "mood"]
    assert [e.time_s for e in read(tmp_path, 200.0, most=1)][:1] != [101.0]


def test_nothing_yet_and_nothing_readable(tmp_path: Path) -> None:
    assert read(tmp_path) == []
    (tmp_path / FILE_NAME).write_bytes(b"nonsense" * 1000)
    with pytest.raises(MienError, match="cannot be read"):
        read(tmp_path)


def test_parse_since() -> None:
    assert parse_since("2h", 10_000.0) == 2800.0
    assert parse_since("1d", 100_000.0) == 13_600.0
    assert parse_since("123.5") == 123.5
    assert parse_since("2026-11-03T18:00:00+00:00") == 1793728800.0
    for nonsense in ("", "yesterday", "2y", "999999999999999", "0001-01-01"):
        with pytest.raises(SettingsError, match="allowed are 30m"):
            parse_since(nonsense)


# -- forgetting


def pages(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith(FILE_NAME))


def test_what_is_forgotten_leaves_the_file_beside_a_running_hub(tmp_path: Path) -> None:
    now_s = time.time()
    told = Told()

    async def story() -> None:
        async with remembering(tmp_path, told) as history:
            for seq in range(1, 301):
                history.remember(change(seq, now_s - 3600 * (301 - seq) / 10, emotion=Emotion.DISGUST))
            history.remember(Entry("action", now_s, rule="a secret rule", action="{}", result="done"))
            history.remember(GapBegins(now_s, "a secret gap"))
            await until(lambda: history.waiting == 0)
            assert b"a secret rule" in pages(tmp_path)
            gone = await asyncio.to_thread(forget, tmp_path, now_s - 3600 * 10)
            assert (gone.moods, gone.actions, gone.gaps, gone.aside) == (100, 1, 1, ())
            assert len(read(tmp_path)) == 200
            assert b"secret" not in pages(tmp_path)
            history.remember(change(300, now_s))  # sent again
            history.remember(change(301, now_s))
            await until(lambda: ("s1", 301) in told.stored)
            assert len(read(tmp_path)) == 201
            assert (await asyncio.to_thread(forget, tmp_path, None)).moods == 201
            assert read(tmp_path) == []
            assert b"disgust" not in pages(tmp_path)
            history.remember(change(302, now_s))
            await until(lambda: ("s1", 302) in told.stored)

    run(story())
    assert [kind for kind, _ in kinds(tmp_path)] == ["mood"]


def test_everything_is_the_damaged_files_too(tmp_path: Path) -> None:
    aside = tmp_path / "history-damaged-20270101T000000.sqlite3"
    aside.write_bytes(b"sad sad sad")
    assert forget(tmp_path, 0.0).aside == (aside.name,)
    assert aside.exists()
    assert forget(tmp_path, None) == Forgotten(aside=(aside.name,))
    assert not aside.exists()


def test_a_file_that_somebody_holds_is_told_and_nothing_is_half_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history_forgetting, "_LOCKED_S", 0.2)
    HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0)])
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as locker:
        locker.execute("BEGIN IMMEDIATE")
        with pytest.raises(MienError, match="not everything was forgotten"):
            forget(tmp_path, None)
        locker.execute("ROLLBACK")
        assert len(read(tmp_path)) == 1
        locker.execute("BEGIN")
        assert locker.execute("SELECT count(*) FROM moods").fetchone() == (1,)
        with pytest.raises(MienError, match="somebody reads the file"):
            forget(tmp_path, None)
    assert read(tmp_path) == []


def test_a_file_of_version_one_is_forgotten_from_too(tmp_path: Path) -> None:
    HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0)])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.executescript("DROP TABLE told; PRAGMA user_version = 1;")
    assert forget(tmp_path, None).moods == 1

"""Reading from the history and deleting from it."""

import asyncio
import csv
import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from device.emotions import EMOTIONS, Emotion
from device.errors import MienError, SettingsError
from device.hub.history.database import FILE_NAME, HistoryFile
from device.hub.history.deletion import DeletedRows, forget
from device.hub.history.export import parse_since, to_csv, to_text
from device.hub.history.reader import read
from device.hub.history.rows import Entry, GapEnd, GapStart, Heartbeat
from device.settings.schema import Settings
from tests.hub.history.builders import Callbacks, change, kinds, running_history
from tests.hub.hub_running import run, running, until
from tests.hub.web.client import ask

# -- reading


def test_csv_and_text_have_the_gaps_in_order_of_time(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    action = Entry("action", 102.5, rule="comfort", action='{"action":"lamp"}', result="done")
    file.write([change(1, 100.0), change(3, 103.0), action, GapStart(104.0, "sense was away")])
    entries = read(tmp_path)
    rows = list(csv.DictReader(to_csv(entries).splitlines()))
    assert [row["kind"] for row in rows] == ["mood", "gap", "action", "mood", "gap"]
    assert rows[0]["time"] == "1970-01-01T00:01:40.000+00:00"
    assert (rows[0]["emotion"], rows[0]["probabilities"]) == ("sad", '{"sad":0.7}')
    assert (rows[4]["why"], rows[4]["until"]) == ("sense was away", "")
    assert "sad 70 % (face sad 60 %), 1 person" in to_text(entries[0])
    assert "rule comfort" in to_text(entries[2])
    assert "gap until now: sense was away" in to_text(entries[4])


def test_since_includes_a_gap_that_overlaps_it(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([change(1, 100.0), GapStart(101.0, "sense was away"), GapEnd(300.0), change(2, 301.0)])
    assert [e.kind for e in read(tmp_path, 200.0)][:2] == ["gap", "mood"]
    assert [e.time_s for e in read(tmp_path, 200.0, max_rows=1)][:1] != [101.0]


def test_omitted_rows_are_reported(tmp_path: Path) -> None:
    HistoryFile(tmp_path, 0, 0.0).write([change(seq, 100.0 + seq) for seq in range(1, 11)])
    cut, *rest = read(tmp_path, 50.0, max_rows=4)
    assert [e.time_s for e in rest] == [107.0, 108.0, 109.0, 110.0]
    assert (cut.kind, cut.time_s, cut.until_s) == ("gap", 50.0, 107.0)
    assert "more than 4 rows" in (cut.why or "")
    assert [e.kind for e in read(tmp_path, 50.0, max_rows=10)] == ["mood"] * 10


def test_a_busy_week_is_shown_and_exported_completely(house: Settings) -> None:
    """A thousand changes a day, as the page's grid of hours and as CSV."""
    now_s = time.time()
    changes = [change(n, now_s - 7 * 86_400 + 86.4 * n, emotion=EMOTIONS[n % 7]) for n in range(1, 7_000)]
    HistoryFile(house.state_dir, 0, now_s).write([*changes, Heartbeat(now_s)])

    async def story() -> None:
        async with running(house) as hub:
            since = f"since={now_s - 7 * 86_400 + 100:.0f}"
            _, text, _ = await ask("GET", f"{hub.page}api/history/slots?{since}&step_s=3600")
            slots = json.loads(text)["slots"]
            assert len(slots) == 168
            assert sum(slot["unseen"] for slot in slots) < 60
            _, table, _ = await ask("GET", f"{hub.page}api/history.csv?{since}")
            rows = list(csv.DictReader(table.splitlines()))
            assert [row["kind"] for row in rows].count("mood") == 6_998
            status, text, _ = await ask("GET", f"{hub.page}api/history?{since}")
            assert status == 200
            assert "more than 5000 rows" in json.loads(text)[0]["why"]

    run(story())


def test_a_missing_and_an_unreadable_file(tmp_path: Path) -> None:
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


# -- deleting


def pages(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.name.startswith(FILE_NAME))


def test_deleted_rows_leave_the_file_while_the_hub_runs(tmp_path: Path) -> None:
    now_s = time.time()
    callbacks = Callbacks()

    async def story() -> None:
        async with running_history(tmp_path, callbacks) as history:
            for seq in range(1, 301):
                history.remember(change(seq, now_s - 3600 * (301 - seq) / 10, emotion=Emotion.DISGUST))
            history.remember(Entry("action", now_s, rule="a secret rule", action="{}", result="done"))
            history.remember(GapStart(now_s, "a secret gap"))
            await until(lambda: history.waiting == 0)
            assert b"a secret rule" in pages(tmp_path)
            deleted = await asyncio.to_thread(forget, tmp_path, now_s - 3600 * 10)
            assert (deleted.moods, deleted.actions, deleted.gaps, deleted.damaged_files) == (100, 1, 1, ())
            assert len(read(tmp_path)) == 200
            assert b"secret" not in pages(tmp_path)
            history.remember(change(300, now_s))  # sent again
            history.remember(change(301, now_s))
            await until(lambda: ("s1", 301) in callbacks.stored)
            assert len(read(tmp_path)) == 201
            assert (await asyncio.to_thread(forget, tmp_path, None)).moods == 201
            assert read(tmp_path) == []
            assert b"disgust" not in pages(tmp_path)
            history.remember(change(302, now_s))
            await until(lambda: ("s1", 302) in callbacks.stored)

    run(story())
    assert [kind for kind, _ in kinds(tmp_path)] == ["mood"]


def test_deleting_everything_includes_damaged_files(tmp_path: Path) -> None:
    aside = tmp_path / "history-damaged-20270101T000000.sqlite3"
    aside.write_bytes(b"sad sad sad")
    assert forget(tmp_path, 0.0).damaged_files == (aside.name,)
    assert aside.exists()
    assert forget(tmp_path, None) == DeletedRows(damaged_files=(aside.name,))
    assert not aside.exists()


def test_a_locked_file_is_an_error_and_deletes_nothing_by_halves(tmp_path: Path) -> None:
    HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0)])
    with closing(sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)) as locker:
        locker.execute("BEGIN IMMEDIATE")
        with pytest.raises(MienError, match="not everything was deleted"):
            forget(tmp_path, None, lock_timeout_s=0.2)
        locker.execute("ROLLBACK")
        assert len(read(tmp_path)) == 1
        locker.execute("BEGIN")
        assert locker.execute("SELECT count(*) FROM moods").fetchone() == (1,)
        with pytest.raises(MienError, match="another program keeps reading the file"):
            forget(tmp_path, None, lock_timeout_s=0.2)
    assert read(tmp_path) == []


def test_deleting_works_on_a_file_of_version_one(tmp_path: Path) -> None:
    HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0)])
    with closing(sqlite3.connect(tmp_path / FILE_NAME)) as db:
        db.executescript("DROP TABLE told; DROP TABLE numbers; PRAGMA user_version = 1;")
    assert forget(tmp_path, None).moods == 1

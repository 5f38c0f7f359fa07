"""The history in real files: every change once, every gap visible."""

import sqlite3
import time
from pathlib import Path

import pytest

from device.hub.history.database import FILE_NAME, HistoryFile
from device.hub.history.deletion import forget
from device.hub.history.reader import read
from device.hub.history.rows import BLIND, Entry, GapEnd, GapStart, Heartbeat, MoodRow
from device.system.clock import WallClock
from tests.hub.history.builders import change


def test_a_resent_change_is_one_row_even_after_a_restart(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([change(1, 100.0), change(2, 101.0), change(2, 101.0)])
    file.close()
    again = HistoryFile(tmp_path, 0, 102.0)
    again.write([change(1, 100.0), change(2, 101.0), change(3, 103.0)])
    assert [e.time_s for e in read(tmp_path)] == [100.0, 101.0, 103.0]


def test_missing_numbers_are_a_gap(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([change(1, 100.0), change(5, 110.0), change(3, 200.0, "s2")])
    gaps = [(e.time_s, e.until_s, e.why) for e in read(tmp_path) if e.kind == "gap"]
    assert gaps == [
        (100.0, 110.0, "3 changes lost while hub was away"),
        (110.0, 200.0, "2 changes lost while hub was away"),
    ]


def test_away_and_back(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([GapStart(100.0, "sense was away"), GapStart(105.0, "hub was away")])
    assert [(e.time_s, e.until_s) for e in read(tmp_path)] == [(100.0, None)]
    file.write([GapEnd(120.0)])
    assert next((e.time_s, e.until_s, e.why) for e in read(tmp_path)) == (100.0, 120.0, "sense was away")


def test_a_killed_hub_leaves_a_gap_that_the_next_one_closes(tmp_path: Path) -> None:
    now = time.time()
    file = HistoryFile(tmp_path, 0, now - 100)
    file.write([GapEnd(now - 90), Heartbeat(now - 60)])
    file.close()
    assert [(e.until_s, e.why) for e in read(tmp_path)] == [(None, "hub was away")], "visible before the next start"
    HistoryFile(tmp_path, 0, now - 10).write([Heartbeat(now)])
    gap = read(tmp_path)[0]
    assert gap.time_s == pytest.approx(now - 60)
    assert gap.until_s == pytest.approx(now - 10)


def test_a_clean_stop_leaves_a_gap_that_the_next_one_closes(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([Heartbeat(150.0), GapStart(152.0, "hub was away")])
    file.close()
    HistoryFile(tmp_path, 0, 200.0).write([])
    assert next((e.time_s, e.until_s) for e in read(tmp_path) if e.kind == "gap") == (152.0, 200.0)


def test_old_rows_are_deleted_after_an_hour_without_a_clock_jump(tmp_path: Path) -> None:
    now = time.time()
    wall = [now, 0.0]
    file = HistoryFile(tmp_path, 7, now, WallClock(lambda: wall[0], lambda: wall[1]))

    def count_moods(later_s: float, set_s: float = 0.0) -> int:
        wall[:] = [wall[0] + later_s + set_s, wall[1] + later_s]
        file.write([Heartbeat(wall[0])])
        return len([entry for entry in read(tmp_path) if entry.kind == "mood"])

    file.write([change(1, now - 8 * 86_400), change(2, now - 6 * 86_400)])
    year_s = 365 * 86_400.0
    assert count_moods(3500) == 2
    assert count_moods(60, year_s) == 2
    assert count_moods(3500) == 2
    assert count_moods(60, -year_s) == 2, "the clock was put back within an hour, so nothing was deleted"
    assert count_moods(3500) == 2
    assert count_moods(200) == 1
    file.write([change(3, now - 8 * 86_400)])
    assert (count_moods(3500), count_moods(200)) == (2, 1), "then once an hour"


def test_a_bad_row_rolls_its_batch_back(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    bad = MoodRow("s1", 2, Entry("mood", 101.0))
    with pytest.raises(sqlite3.IntegrityError):
        file.write([change(1, 100.0), bad])
    assert read(tmp_path) == []


def test_the_file_is_private(tmp_path: Path) -> None:
    HistoryFile(tmp_path / "new", 0, 100.0).write([change(1, 100.0)])
    assert {p.stat().st_mode & 0o077 for p in (tmp_path / "new").iterdir()} == {0}
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(sqlite3.NotSupportedError, match="99"):
        HistoryFile(tmp_path, 0, 100.0).write([change(1, 100.0)])
    assert [p.name for p in tmp_path.iterdir() if "damaged" in p.name] == []


def test_a_blind_camera_is_one_gap_that_grows(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([Heartbeat(105.0), Heartbeat(110.0, 103.0), Heartbeat(115.0, 103.0), GapStart(116.0, "sense was away")])
    file.write([GapEnd(120.0), Heartbeat(121.0), Heartbeat(130.0, 124.0), Heartbeat(131.0, 124.001)])
    found = [(e.time_s, e.until_s, e.why) for e in read(tmp_path) if e.kind == "gap"][:3]
    assert found == [(103.0, 115.0, BLIND), (116.0, 120.0, "sense was away"), (124.0, 131.0, BLIND)]
    forget(tmp_path, None)
    file.write([Heartbeat(136.0, 124.0)])
    (again,) = [e for e in read(tmp_path) if e.why == BLIND]
    assert again.time_s > 120.0, "a deleted time does not come back"


def test_a_blind_gap_survives_a_clock_that_ran_ahead(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 100.0)
    file.write([Heartbeat(100_010.0, 100_003.0), Heartbeat(110.0), Heartbeat(115.0, 112.0), Heartbeat(120.0, 112.0)])
    assert (112.0, 120.0) in [(e.time_s, e.until_s) for e in read(tmp_path) if e.why == BLIND]

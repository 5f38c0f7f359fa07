"""Folders without permission, and folders with nothing to read: each is reported, and the rest is read."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from device.emotions import Emotion
from device.sense.simulator.poses import POSES
from tests.builders import drawn, film, picture
from tests.command_line import HOUSE, Done, Mien, assert_one_line_error, parse_lines, write_settings


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "album" / "closed"
    folder.mkdir(parents=True)
    picture(folder / "x.png", drawn())
    picture(tmp_path / "album" / "a.png", drawn(((320, 240), 200, POSES[Emotion.HAPPY])))
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


def ordinary(*words: str | Path) -> Done:
    """Run Python as an ordinary user, since root may enter closed folders."""
    prefix = []
    if not os.geteuid():
        if not shutil.which("setpriv"):
            pytest.skip("setpriv is not installed")
        prefix = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"]
    env = {**os.environ, "PYTHONPATH": str(HOUSE)}
    command = [*prefix, sys.executable, *map(str, words)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=False)


def mien_of(home: Path, *words: str | Path) -> Done:
    return ordinary("-m", "device.cli", "--settings", write_settings(home), *words)


def test_a_file_in_a_closed_folder_is_reported_and_the_rest_is_read(closed: Path, tmp_path: Path) -> None:
    done = mien_of(tmp_path, "analyze", "--json", closed / "x.png", closed.parent / "a.png")
    assert (done.returncode, done.stderr) == (1, "")
    hidden, seen = parse_lines(done)
    assert hidden["error"] == f"{closed}/x.png: cannot be read (Permission denied)"
    assert seen["mood"]["emotion"] == "happy"


def test_a_closed_folder_is_reported_and_its_neighbours_are_read(closed: Path, tmp_path: Path) -> None:
    done = mien_of(tmp_path, "analyze", "--json", closed.parent)
    assert (done.returncode, done.stderr) == (1, "")
    seen, hidden = parse_lines(done)
    assert (seen["error"], seen["mood"]["emotion"]) == (None, "happy")
    assert hidden["path"] == str(closed)
    assert hidden["error"] == f"{closed}: the folder cannot be read (Permission denied)"
    assert hidden.keys() == seen.keys()
    assert [one["path"] for one in parse_lines(mien_of(tmp_path, "analyze", "--json", closed))] == [str(closed)]


def test_a_folder_that_can_be_listed_but_not_entered_is_reported(closed: Path, tmp_path: Path) -> None:
    closed.chmod(0o400)
    (hidden,) = parse_lines(mien_of(tmp_path, "analyze", "--json", closed))
    assert hidden["error"] == f"{closed}/x.png: cannot be read (Permission denied)"


def test_doctor_reports_a_state_folder_that_cannot_be_written(closed: Path, tmp_path: Path) -> None:
    settings = write_settings(tmp_path)
    settings.write_text(settings.read_text().replace(f"{tmp_path}/state", f"{closed}/state"))
    code = "import sys; from device.commands.doctor import examine; from pathlib import Path\n"
    code += "print([f.message for f in examine(Path(sys.argv[1])) if f.name == 'state folder'][0])"
    done = ordinary("-c", code, settings)
    assert f"{closed}/state cannot be written" in done.stdout, done.stderr


def test_a_model_in_a_closed_folder_is_reported(closed: Path, tmp_path: Path) -> None:
    for subject in (closed, closed / "pair", closed / "pair.zip", closed / "face.tflite"):
        assert_one_line_error(mien_of(tmp_path, "models", "install", subject), str(closed))


def test_settings_in_a_closed_folder_are_reported(closed: Path) -> None:
    for what in ("check", "init"):
        done = ordinary("-m", "device.cli", "--settings", closed / "mien.toml", "config", what)
        assert_one_line_error(done, f"{closed}/mien.toml: cannot be", "Permission denied")


@pytest.mark.parametrize("command", [("doctor",), ("rules", "show"), ("config", "check")])
def test_a_closed_folder_of_the_default_settings_is_reported(
    closed: Path, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    monkeypatch.delenv("MIEN_SETTINGS", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(closed))
    done = ordinary("-m", "device.cli", *command)
    assert done.returncode == 1
    said = done.stdout + done.stderr
    assert f"{closed}/mien/mien.toml: cannot be read (Permission denied); let this user read it, name another" in said
    assert "Traceback" not in said


def test_a_folder_with_nothing_to_read_is_reported(mien: Mien, tmp_path: Path) -> None:
    (tmp_path / "none").mkdir()
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "notes.txt").write_text("not media")
    done = mien("analyze", "none", "some")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.splitlines() == [
        "none: the folder is empty",
        "some: no file with the suffix of a picture, sound or video; name a file to read it anyway",
    ]


@pytest.mark.parametrize("words", [["analyze", ""], ["gallery", ""], ["bench", ""], ["--settings", "", "doctor"]])
def test_an_empty_path_is_wrong_use_and_does_not_mean_this_folder(mien: Mien, words: list[str]) -> None:
    done = mien(*words)
    assert (done.returncode, done.stdout) == (2, "")
    assert "a path cannot be empty" in done.stderr


def test_videos_of_every_common_suffix_are_found_in_a_folder(mien: Mien, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    shot = film(tmp_path / "one.mkv", [drawn()] * 3, 10)
    suffixes = [".m4v", ".3gp", ".mpeg", ".MPG", ".ts", ".wmv", ".avif", ".aiff"]
    for suffix in suffixes:
        shutil.copyfile(shot, folder / f"film{suffix}")
    found = parse_lines(mien("analyze", "--json", "--senses", "face", folder))
    assert sorted(Path(one["path"]).suffix for one in found) == sorted(suffixes)

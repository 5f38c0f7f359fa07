"""Odd file names, ASCII terminals, and an output that cannot be written."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from device.emotions import Emotion
from device.sense.simulator.poses import POSES
from device.system.terminal import OneLineFormatter
from tests.builders import drawn, picture
from tests.command_line import HOUSE, Mien, parse_lines, write_settings

_ODD = os.fsdecode(b"a\xff\x1b[31m\n\xe2\x80\xae.png")
"""A byte that is not UTF-8, an escape sequence for red, a line break, and a right-to-left override."""
_SHOWN = r"a\xff\x1b[31m\n\u202e.png".replace(r"\n", r"\x0a")


@pytest.fixture
def odd(tmp_path: Path) -> Path:
    """A picture with a face and an unreadable one, both with odd names."""
    folder = tmp_path / os.fsdecode(b"album\xe9")
    folder.mkdir()
    picture(tmp_path / "plain.png", drawn(((320, 240), 200, POSES[Emotion.HAPPY]))).rename(folder / _ODD)
    (folder / f"broken {_ODD}").write_bytes(b"")
    return folder


def test_analyze_escapes_odd_names_for_a_terminal(mien: Mien, odd: Path) -> None:
    done = mien("analyze", odd)
    assert (done.returncode, done.stderr) == (1, "")
    said = done.stdout.splitlines()
    assert said[0].startswith(rf"{odd.parent}/album\xe9/{_SHOWN}: happy")
    assert rf"broken {_SHOWN}: an empty file" in said[2]
    assert "\x1b" not in done.stdout


def test_analyze_gives_programs_the_exact_name(mien: Mien, odd: Path) -> None:
    found = parse_lines(mien("analyze", "--json", odd))
    assert [Path(one["path"]).name for one in found] == [_ODD, f"broken {_ODD}"]
    assert Path(found[0]["path"]).exists()


def test_gallery_escapes_odd_names(mien: Mien, odd: Path, tmp_path: Path) -> None:
    done = mien("--settings", write_settings(tmp_path), "gallery", odd)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"broken {_SHOWN}: an empty file" in done.stdout
    assert "1 read" in done.stdout
    assert "\x1b" not in done.stdout


def test_doctor_escapes_odd_names(mien: Mien, tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    path.write_text(path.read_text().replace('"off"', '"file:/gone\\u001b[31m.png"', 1))
    done = mien("--settings", path, "doctor")
    assert r"BAD  camera: /gone\x1b[31m.png: cannot be read" in done.stdout
    assert "\x1b" not in done.stdout


def test_an_error_escapes_odd_names(mien: Mien) -> None:
    done = mien("--settings", _ODD, "config", "check")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"mien: {_SHOWN}: cannot be read")
    assert len(done.stderr.splitlines()) == 1


def test_an_ascii_terminal_gets_escapes(mien: Mien) -> None:
    done = mien("models", "list", LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (done.returncode, done.stderr) == (0, "")
    assert r"\u2026" in done.stdout


@pytest.mark.parametrize("command", [["config", "show"], ["models", "list"], ["analyze", "gone.png"]])
def test_a_full_disk_is_reported_in_one_line(command: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "device.cli", *command],
            env={**os.environ, "PYTHONPATH": str(HOUSE)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr == "mien: the output cannot be written (No space left on device)\n"


def test_a_reader_that_closes_the_pipe_at_once_causes_no_traceback() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "device.cli", "config", "show"]
    env = {**os.environ, "PYTHONPATH": str(HOUSE)}
    done = subprocess.run(command, env=env, stdout=writer, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (1, "")


def test_a_line_of_the_log_stays_one_line_whatever_it_quotes(capsys: pytest.CaptureFixture[str]) -> None:
    """Attack A6: newlines and ESC in what sense said forged lines of the hub's log."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLineFormatter("%(asctime)s %(name)s: %(message)s", "%H:%M:%S"))
    log = logging.getLogger("test.terminal")
    log.addHandler(handler)
    try:
        log.warning("camera: %s", "gone\n12:00:00 device.hub: all is well\x1b[2J")
        try:
            raise OSError("no such device")
        except OSError:
            log.exception("still a traceback")
    finally:
        log.removeHandler(handler)
    first, second, *traceback = capsys.readouterr().err.splitlines()
    assert first.endswith(r"test.terminal: camera: gone\x0a12:00:00 device.hub: all is well\x1b[2J")
    assert second.endswith("test.terminal: still a traceback")
    assert traceback[-1] == "OSError: no such device"


def test_the_command_line_logs_so(mien: Mien, tmp_path: Path) -> None:
    path = write_settings(tmp_path)
    path.write_text(path.read_text().replace("[home]", '[home]\n"a\\nb" = 1'))
    done = mien("hub", "--settings", path)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1

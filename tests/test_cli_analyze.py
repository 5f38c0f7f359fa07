"""`mien analyze`: one JSON object per line, text, and a reader that closes the pipe early."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from device.emotions import Emotion
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak
from tests.builders import drawn, picture, wav
from tests.command_line import HOUSE, Mien, assert_one_line_error, parse_lines


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    picture(folder / "b.png", drawn(((320, 240), 200, POSES[Emotion.HAPPY])))
    picture(folder / "more" / "wall.PNG", drawn())
    wav(folder / "a.wav", speak(PROSODIES[Emotion.ANGRY], 2.0))
    (folder / "notes.txt").write_text("not media")
    return folder


def test_analyze_prints_one_object_per_line_and_searches_folders(mien: Mien, album: Path) -> None:
    done = mien("analyze", album, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = parse_lines(done)
    assert [Path(one["path"]).name for one in found] == ["a.wav", "b.png", "wall.PNG"]
    assert [one["kind"] for one in found] == ["sound", "image", "image"]
    assert found[1]["faces"][0]["emotion"] == "happy"
    assert found[2]["mood"] is None


def test_analyze_goes_on_after_a_file_that_cannot_be_read_and_exits_1(mien: Mien, album: Path) -> None:
    done = mien("analyze", "--json", album / "gone.png", album / "notes.txt", album / "b.png")
    assert done.returncode == 1
    found = parse_lines(done)
    assert [bool(one["error"]) for one in found] == [True, True, False]
    assert "gone.png" in found[0]["error"]


def test_analyze_prints_words_without_json(mien: Mien, album: Path) -> None:
    done = mien("analyze", album)
    assert done.returncode == 0
    assert re.search(r"b\.png: happy \(\d+%\)\n  face at \d+,\d+ \(\d+x\d+ px\): happy \d+%", done.stdout)
    assert "wall.PNG: no face and no voice found (for a picture that is cropped to a face, use --crop)" in done.stdout


def test_analyze_reads_a_crop_and_only_the_senses_asked_for(mien: Mien, album: Path) -> None:
    found = parse_lines(
        mien("analyze", "--json", "--crop", "--senses", "face", album / "more" / "wall.PNG", album / "a.wav")
    )
    assert [len(one["faces"]) for one in found] == [1, 0]
    assert found[1]["voice"] is None


def test_analyze_refuses_unknown_senses(mien: Mien, album: Path) -> None:
    assert_one_line_error(mien("analyze", "--senses", "face,smell", album), "face,smell", "allowed are")


def test_a_reader_that_closes_the_pipe_early_causes_no_traceback(mien: Mien, album: Path) -> None:
    """`mien analyze ... | head -0`: no traceback."""
    command = [sys.executable, "-m", "device.cli", "analyze", "--json", *[str(album)] * 3]
    env = {**os.environ, "PYTHONPATH": str(HOUSE)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) != 0
    assert "Traceback" not in said

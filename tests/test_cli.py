"""The real command, as another program starts it: what it prints and its exit status."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from device import __version__
from device.emotions import Emotion
from device.sense.stand_in.made_voice import speak
from device.sense.stand_in.roles import POSES, PROSODIES
from device.settings import Settings, parse
from tests.sense.made import drawn, picture, wav

_HOUSE = Path(__file__).parents[1]
Done = subprocess.CompletedProcess[str]
Mien = Callable[..., Done]


@pytest.fixture
def mien(tmp_path: Path) -> Mien:
    """Runs `mien ARGUMENTS` with a home of its own."""
    home = tmp_path / "home"
    home.mkdir()
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MIEN_", "XDG_"))}
    env |= {"HOME": str(home), "PYTHONPATH": str(_HOUSE), "XDG_RUNTIME_DIR": str(home)}

    def run(*arguments: str | Path, **more: str) -> Done:
        command = [sys.executable, "-m", "device.cli", *map(str, arguments)]
        return subprocess.run(
            command, env=env | more, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
        )

    return run


def _settings(folder: Path, text: str = "") -> Path:
    """Settings without a device, a port or a place outside `folder`."""
    path = folder / "mien.toml"
    path.write_text(
        f'[home]\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n'
        f'[camera]\nsource = "off"\n[microphone]\nsource = "off"\n[kiosk]\nport = 0\n{text}'
    )
    return path


def _lines(done: Done) -> list[Any]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def _told_in_one_line(done: Done, *words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    said = done.stderr.splitlines()
    assert len(said) == 1
    assert said[0].startswith("mien: ")
    for word in words:
        assert word in said[0]


@pytest.fixture
def album(tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    (folder / "more").mkdir(parents=True)
    picture(folder / "b.png", drawn(((320, 240), 200, POSES[Emotion.HAPPY])))
    picture(folder / "more" / "wall.PNG", drawn())
    wav(folder / "a.wav", speak(PROSODIES[Emotion.ANGRY], 2.0))
    (folder / "notes.txt").write_text("not media")
    return folder


def test_analyze_prints_one_object_a_line_and_goes_into_folders(mien: Mien, album: Path) -> None:
    done = mien("analyze", album, "--json")
    assert (done.returncode, done.stderr) == (0, "")
    found = _lines(done)
    assert [Path(one["path"]).name for one in found] == ["a.wav", "b.png", "wall.PNG"]
    assert [one["kind"] for one in found] == ["sound", "image", "image"]
    assert found[1]["faces"][0]["emotion"] == "happy"
    assert found[2]["mood"] is None


def test_analyze_goes_on_after_a_file_that_cannot_be_read_and_exits_1(mien: Mien, album: Path) -> None:
    done = mien("analyze", "--json", album / "gone.png", album / "notes.txt", album / "b.png")
    assert done.returncode == 1
    found = _lines(done)
    assert [bool(one["error"]) for one in found] == [True, True, False]
    assert "gone.png" in found[0]["error"]


def test_analyze_says_it_in_words_too(mien: Mien, album: Path) -> None:
    done = mien("analyze", album)
    assert done.returncode == 0
    assert re.search(r"b\.png: happy \(\d+%\)\n  face at \d+,\d+ \(\d+x\d+ px\): happy \d+%", done.stdout)
    assert "wall.PNG: nobody seen or heard" in done.stdout


def test_analyze_reads_a_crop_and_only_the_senses_asked_for(mien: Mien, album: Path) -> None:
    found = _lines(
        mien("analyze", "--json", "--crop", "--senses", "face", album / "more" / "wall.PNG", album / "a.wav")
    )
    assert [len(one["faces"]) for one in found] == [1, 0]
    assert found[1]["voice"] is None


def test_analyze_refuses_senses_that_nobody_has(mien: Mien, album: Path) -> None:
    _told_in_one_line(mien("analyze", "--senses", "face,smell", album), "face,smell", "allowed are")


def test_config_init_writes_a_file_that_checks_and_is_the_defaults(mien: Mien, tmp_path: Path) -> None:
    first = mien("config", "init")
    path = tmp_path / "home/.config/mien/mien.toml"
    assert (first.returncode, str(path) in first.stdout) == (0, True)
    assert parse(path.read_text(), "written") == Settings()
    check = mien("config", "check")
    assert (check.returncode, "fine" in check.stdout) == (0, True)
    assert "comfort: When the room is sad or fearful for 5 s" in check.stdout


def test_config_init_writes_over_nothing_unless_told_to(mien: Mien, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("# mine\n")
    _told_in_one_line(mien("--settings", path, "config", "init"), str(path), "--force")
    assert path.read_text() == "# mine\n"
    assert mien("config", "init", "--force", "--settings", path).returncode == 0
    assert "# mine" not in path.read_text()


def test_config_init_where_nothing_can_be_written_is_told(mien: Mien, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    _told_in_one_line(mien("--settings", tmp_path / "file" / "mien.toml", "config", "init"), "cannot be written")


def test_config_show_prints_what_holds(mien: Mien, tmp_path: Path) -> None:
    path = _settings(tmp_path, "[mood]\nhold_s = 7\n")
    done = mien("--settings", path, "config", "show")
    assert done.returncode == 0
    assert parse(done.stdout, "shown") == parse(path.read_text(), "given")
    assert parse(mien("config", "show").stdout, "shown") == Settings()


def test_config_check_without_a_file_says_that_the_defaults_hold(mien: Mien) -> None:
    done = mien("config", "check")
    assert (done.returncode, "the defaults hold" in done.stdout) == (0, True)


@pytest.mark.parametrize("command", ["run", "sense", "hub", "config check", "analyze x", "history", "rules show"])
def test_a_broken_settings_file_is_one_line_and_exit_1(mien: Mien, tmp_path: Path, command: str) -> None:
    path = _settings(tmp_path, "[mood]\nhold_s = -3\n")
    _told_in_one_line(mien("--settings", path, *command.split()), str(path), "mood.hold_s = -3", ">= 0")


def test_the_settings_file_of_the_environment_is_read(mien: Mien, tmp_path: Path) -> None:
    _told_in_one_line(mien("config", "check", MIEN_SETTINGS=str(tmp_path / "gone.toml")), "gone.toml", "config init")


def test_doctor_tells_every_check_and_exits_0_where_it_can_work(mien: Mien, tmp_path: Path) -> None:
    done = mien("doctor", "--json", "--settings", _settings(tmp_path))
    (found,) = _lines(done)
    assert (done.returncode, found["works"], found["version"]) == (0, True, __version__)
    by_name = {finding["check"]: finding for finding in found["findings"]}
    assert {"settings", "runtime", "face model", "voice model", "face detector", "camera", "state folder"} <= set(
        by_name
    )
    assert by_name["camera"]["said"] == "off in the settings"
    assert "no network in sense" in by_name
    assert all(finding["fix"] for finding in found["findings"] if finding["ok"] is False)


def test_doctor_exits_1_and_says_the_fix_where_it_cannot_work(mien: Mien, tmp_path: Path) -> None:
    path = _settings(tmp_path)
    path.write_text(path.read_text().replace('"off"', '"file:/gone.png"', 1))
    done = mien("doctor", "--settings", path)
    assert done.returncode == 1
    assert re.search(r"BAD  camera: .*/gone\.png.*\n     -> ", done.stdout)
    assert "ok   face model" in done.stdout


def test_doctor_goes_on_after_broken_settings(mien: Mien, tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text("[camera]\nfps = 0\n")
    (found,) = _lines(mien("doctor", "--json", "--settings", path))
    by_name = {finding["check"]: finding["ok"] for finding in found["findings"]}
    assert (by_name["settings"], by_name["face model"]) == (False, True)


def test_doctor_tries_a_file_as_camera_and_microphone(mien: Mien, tmp_path: Path) -> None:
    face = picture(tmp_path / "a.png", drawn())
    sound = wav(tmp_path / "a.wav", speak(PROSODIES[Emotion.ANGRY], 3.0))
    path = _settings(tmp_path)
    text = path.read_text().replace('"off"', f'"file:{face}"', 1).replace('"off"', f'"file:{sound}"', 1)
    path.write_text(text)
    (found,) = _lines(mien("doctor", "--json", "--settings", path))
    said = {finding["check"]: (finding["ok"], finding["said"]) for finding in found["findings"]}
    assert said["camera"][0] is True
    assert "640x480" in said["camera"][1]
    assert said["microphone"][0] is True
    assert "dBFS" in said["microphone"][1]


def test_rules_try_says_what_would_happen(mien: Mien) -> None:
    done = mien("rules", "try", "sad for 2m at 21:30")
    assert done.returncode == 0
    assert "sad for 2 min from 21:30" in done.stdout
    assert re.search(r"comfort.*lamp #ffb46b at 40 %", done.stdout)
    assert "bright" in mien("rules", "show").stdout
    assert "in this profile no rule acts" in mien("rules", "try", "sad for 2m in quiet").stdout


@pytest.mark.parametrize(
    ("question", "word"), [("", "needs a question"), ("merry for 2m", "merry"), ("sad", "not understood")]
)
def test_rules_try_tells_what_it_does_not_understand(mien: Mien, question: str, word: str) -> None:
    _told_in_one_line(mien("rules", "try", *([question] if question else [])), word)


def test_models_list_describes_every_pair(mien: Mien) -> None:
    (cards,) = _lines(mien("models", "list", "--json"))
    assert [card["name"] for card in cards] == ["face", "voice", "prosody"]
    for card in cards:
        assert {"version", "labels", "sha256", "temperature", "f1", "corpora", "accuracy", "limits"} <= set(card)
    words = mien("models", "list")
    assert words.returncode == 0
    assert "learned from FER2013" in words.stdout


def test_bench_has_the_keys_that_other_tools_read(mien: Mien) -> None:
    done = mien("bench", "--json", "--seconds", "0.05")
    (found,) = _lines(done)
    assert done.returncode == 0
    for key in ("face_path_cpu_ms", "face_path_fps", "voice_path_cpu_ms_per_s", "start_to_first_mood_s"):
        assert found[key] > 0
    assert found["rss_mb"]["sense"] > found["rss_mb"]["hub"] > 5
    assert found["cores"] >= 1
    assert found["runtime"]["name"]
    assert found["runtime"]["version"]
    assert isinstance(found["runtime"]["xnnpack"], bool)
    assert len(found["stages"]) >= 5
    for stage in found["stages"]:
        assert stage["p50_ms"] <= stage["p95_ms"]
        assert {"stage", "cpu_ms", "runs"} <= set(stage)


def test_history_of_a_home_where_nothing_happened_yet(mien: Mien) -> None:
    words, table = mien("history"), mien("history", "--csv", "--since", "2h")
    assert (words.returncode, words.stdout) == (0, "nothing was remembered since 1d\n")
    assert table.returncode == 0
    assert table.stdout.startswith("time,kind,")
    assert len(table.stdout.splitlines()) == 1
    _told_in_one_line(mien("history", "--since", "yesterday"), "yesterday", "allowed are")


def test_history_forget_wants_to_know_what(mien: Mien) -> None:
    for words in ([], ["--since", "2h", "--all"]):
        _told_in_one_line(mien("history", "forget", *words), "--since 2h", "--all")
    for words in (["--since", "2h"], ["--all"]):
        done = mien("history", "forget", *words)
        assert (done.returncode, done.stdout) == (0, "forgotten: 0 moods, 0 actions and 0 gaps\n")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("sing",),
        ("analyze",),
        ("config",),
        ("config", "burn"),
        ("rules", "break"),
        ("bench", "--seconds", "long"),
        ("run", "--log", "loud"),
        ("hub", "--what"),
    ],
)
def test_wrong_use_exits_2_and_says_how_it_is_used(mien: Mien, arguments: tuple[str, ...]) -> None:
    done = mien(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "usage: mien" in done.stderr
    assert "error: " in done.stderr


def test_help_and_version_exit_0(mien: Mien) -> None:
    assert mien("--version").stdout == f"mien {__version__}\n"
    told = mien("--help")
    assert told.returncode == 0
    for command in (
        "run",
        "sense",
        "hub",
        "demo",
        "analyze",
        "bench",
        "doctor",
        "config",
        "history",
        "rules",
        "models",
    ):
        assert re.search(rf"^    {command} ", told.stdout, re.MULTILINE)


def test_a_reader_that_leaves_early_is_no_crash(mien: Mien, album: Path) -> None:
    """`mien analyze ... | head -0`: no traceback."""
    command = [sys.executable, "-m", "device.cli", "analyze", "--json", *[str(album)] * 3]
    env = {**os.environ, "PYTHONPATH": str(_HOUSE)}
    process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout
    assert process.stderr
    process.stdout.close()
    said = process.stderr.read()
    process.stderr.close()
    assert process.wait(30) != 0
    assert "Traceback" not in said

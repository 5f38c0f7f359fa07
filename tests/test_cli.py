"""The real command as another program runs it: its output and its exit status."""

import re
from pathlib import Path

import pytest

from device import __version__
from device.cli import main
from device.settings.load import parse
from device.settings.schema import Settings
from tests.command_line import Mien, assert_one_line_error, parse_lines, write_settings


def test_config_init_writes_a_valid_file_with_the_defaults(mien: Mien, tmp_path: Path) -> None:
    first = mien("config", "init")
    path = tmp_path / "home/.config/mien/mien.toml"
    assert (first.returncode, str(path) in first.stdout) == (0, True)
    assert parse(path.read_text(), "written") == Settings()
    check = mien("config", "check")
    assert (check.returncode, "fine" in check.stdout) == (0, True)
    assert "comfort: When the room is sad or fearful for 2 s" in check.stdout


def test_config_init_overwrites_only_with_force(mien: Mien, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text("# mine\n")
    assert_one_line_error(mien("--settings", path, "config", "init"), str(path), "--force")
    assert path.read_text() == "# mine\n"
    assert mien("config", "init", "--force", "--settings", path).returncode == 0
    assert "# mine" not in path.read_text()


def test_config_init_reports_a_path_that_cannot_be_written(mien: Mien, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_one_line_error(mien("--settings", tmp_path / "file" / "mien.toml", "config", "init"), "cannot be written")


def test_config_show_prints_the_settings_that_apply(mien: Mien, tmp_path: Path) -> None:
    path = write_settings(tmp_path, "[mood]\nhold_s = 7\n")
    done = mien("--settings", path, "config", "show")
    assert done.returncode == 0
    assert parse(done.stdout, "shown") == parse(path.read_text(), "given")
    assert parse(mien("config", "show").stdout, "shown") == Settings()


def test_config_check_without_a_file_says_that_the_defaults_apply(mien: Mien) -> None:
    done = mien("config", "check")
    assert (done.returncode, "the defaults apply" in done.stdout) == (0, True)


@pytest.mark.parametrize("command", ["run", "sense", "hub", "config check", "analyze x", "history", "rules show"])
def test_a_broken_settings_file_is_one_line_and_exit_1(mien: Mien, tmp_path: Path, command: str) -> None:
    path = write_settings(tmp_path, "[mood]\nhold_s = -3\n")
    assert_one_line_error(mien("--settings", path, *command.split()), str(path), "mood.hold_s = -3", ">= 0")


def test_the_settings_file_of_the_environment_is_read(mien: Mien, tmp_path: Path) -> None:
    assert_one_line_error(
        mien("config", "check", MIEN_SETTINGS=str(tmp_path / "gone.toml")), "gone.toml", "config init"
    )


def test_rules_try_says_what_would_happen(mien: Mien) -> None:
    done = mien("rules", "try", "sad for 2m at 21:30")
    assert done.returncode == 0
    assert "sad for 2 min from 21:30" in done.stdout
    assert re.search(r"comfort.*lamp #ffb46b at 40 %", done.stdout)
    assert "bright" in mien("rules", "show").stdout
    assert "no rule is enabled in this profile" in mien("rules", "try", "sad for 2m in quiet").stdout


@pytest.mark.parametrize(
    ("question", "word"), [("", "needs a question"), ("merry for 2m", "merry"), ("sad", "not understood")]
)
def test_rules_try_reports_a_question_that_it_does_not_understand(mien: Mien, question: str, word: str) -> None:
    assert_one_line_error(mien("rules", "try", *([question] if question else [])), word)


def test_models_list_describes_every_model(mien: Mien) -> None:
    (cards,) = parse_lines(mien("models", "list", "--json"))
    assert [card["name"] for card in cards] == ["face", "voice", "prosody"]
    for card in cards:
        assert {"version", "labels", "sha256", "temperature", "f1", "corpora", "accuracy", "limits"} <= set(card)
    words = mien("models", "list")
    assert words.returncode == 0
    assert "learned from FER2013" in words.stdout


def test_bench_has_the_keys_that_other_tools_read(mien: Mien) -> None:
    done = mien("bench", "--json", "--seconds", "0.05")
    (found,) = parse_lines(done)
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


def test_the_history_of_a_new_home_is_empty(mien: Mien) -> None:
    words, table = mien("history"), mien("history", "--csv", "--since", "2h")
    assert (words.returncode, words.stdout) == (0, "nothing was recorded since 1d\n")
    assert table.returncode == 0
    assert table.stdout.startswith("time,kind,")
    assert len(table.stdout.splitlines()) == 1
    assert_one_line_error(mien("history", "--since", "yesterday"), "yesterday", "allowed are")


def test_history_forget_needs_to_know_what(mien: Mien) -> None:
    for words in ([], ["--since", "2h", "--all"]):
        assert_one_line_error(mien("history", "forget", *words), "--since 2h", "--all")
    for words in (["--since", "2h"], ["--all"]):
        done = mien("history", "forget", *words)
        assert (done.returncode, done.stdout) == (0, "deleted: 0 moods, 0 actions and 0 gaps\n")


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
def test_wrong_use_exits_2_and_prints_the_usage(mien: Mien, arguments: tuple[str, ...]) -> None:
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


def test_ctrl_c_while_a_command_is_imported_ends_it_quietly(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a Raspberry Pi, the imports take seconds."""

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("importlib.import_module", interrupt)
    assert main(["config", "show"]) == 130
    assert capsys.readouterr() == ("", "")

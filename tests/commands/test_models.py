"""`mien models` as a user runs it, and which models `sense` then loads."""

import json
import os
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from device.commands.doctor import examine
from device.perception.models.card import MODEL_NAMES, MODELS
from device.perception.models.registry import models_folder, select
from device.perception.models.smoke_test import run_smoke_test
from tests.perception.models.builders import handed, made
from tests.sense.live_sense import Hub
from tests.sense.waits import until

_HOUSE = Path(__file__).parents[2]
Done = subprocess.CompletedProcess[str]


class Home:
    """A temporary home folder, and the command in it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.state = folder, folder / "state"
        self.settings = folder / "mien.toml"
        self.settings.write_text(
            f'[home]\nstate_dir = "{self.state}"\nruntime_dir = "{folder}/run"\n'
            f'[camera]\nsource = "off"\n[microphone]\nsource = "off"\n[kiosk]\nport = 0\n'
        )
        self.env = {**os.environ, "PYTHONPATH": str(_HOUSE), "PYTHONUNBUFFERED": "1"}

    def command(self, *words: str | Path) -> list[str]:
        return [sys.executable, "-m", "device.cli", "--settings", str(self.settings), *map(str, words)]

    def models(self, *words: str | Path) -> Done:
        command = self.command("models", *words)
        return subprocess.run(
            command, env=self.env, cwd=self.folder, capture_output=True, text=True, timeout=60, check=False
        )

    def versions(self) -> dict[str, str]:
        return {card["name"]: card["version"] for card in json.loads(self.models("list", "--json").stdout)}


@pytest.fixture
def home() -> Iterator[Home]:
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        yield Home(Path(folder))


def assert_error(done: Done, *words: str) -> None:
    """One line of error, and exit status 1."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert line.startswith("mien: ")
    for word in words:
        assert word in line


def test_install_list_and_rollback_in_words(home: Home) -> None:
    network = made("face", "0.2.0", home.folder / "new")
    done = home.models("install", network)
    assert done.returncode == 0
    assert "face 0.2.0 (installed) replaces 0.1.0. It read its test input correctly in " in done.stdout
    assert "A running Mien keeps its models until it is restarted" in done.stdout
    assert "start it again" in done.stdout
    assert "mien models rollback" in done.stdout
    again = home.models("install", network.with_suffix(".json"))
    assert (again.returncode, again.stdout) == (
        0,
        "face 0.2.0 (installed) is in use already; nothing was changed.\n",
    )
    listed = home.models("list").stdout
    assert "face 0.2.0, installed on 20" in listed
    assert "before it the shipped 0.1.0" in listed
    assert "voice 0.1.0, shipped" in listed
    assert "learned from FER2013" in listed
    back = home.models("rollback", "face")
    assert back.returncode == 0
    assert "face 0.1.0 (shipped) replaces 0.2.0." in back.stdout
    assert "shipped, rolled back to on 20" in home.models("list").stdout
    assert_error(home.models("rollback"), "the shipped models are in use: there is nothing to go back to")


def test_install_list_and_rollback_for_programs(home: Home) -> None:
    made("voice", "0.2.0", home.folder / "new")
    made("prosody", "0.2.0", home.folder / "new")
    said = json.loads(home.models("install", home.folder / "new", "--json").stdout)
    assert said["restart"] is True
    assert said["folder"] == str(models_folder(home.state))
    assert [(c["name"], c["version"], c["before"]) for c in said["models"]] == [
        ("voice", "0.2.0", "0.1.0"),
        ("prosody", "0.2.0", "0.1.0"),
    ]
    face, voice, _ = json.loads(home.models("list", "--json").stdout)
    assert (face["source"], face["installed_utc"], face["damage"]) == ("shipped", None, None)
    assert voice["source"] == "installed"
    assert voice["path"].startswith(said["folder"])
    assert voice["installed_utc"].endswith("+00:00")
    assert json.loads(home.models("install", home.folder / "new", "--json").stdout)["restart"] is False
    back = json.loads(home.models("rollback", "--json").stdout)
    assert [(c["name"], c["shipped"]) for c in back["models"]] == [("voice", True), ("prosody", True)]
    assert home.versions() == dict.fromkeys(MODEL_NAMES, "0.1.0")


def _zip(path: Path, entries: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as opened:
        for name, content in entries.items():
            opened.writestr(name, content)
    return path


def test_a_zip_is_never_unpacked_to_where_its_names_point(home: Home) -> None:
    pair = handed("face", "0.2.0", home.folder / "new")
    given = _zip(home.folder / "FACE.ZIP", {"../../out/face.tflite": pair.network, "/abs/face.json": pair.card})
    assert home.models("install", given).returncode == 0
    assert home.versions()["face"] == "0.2.0"
    assert not (home.folder.parent / "out").exists()
    assert not Path("/abs").exists()


def test_files_that_are_not_a_model_are_reported_and_change_nothing(home: Home) -> None:
    pair = handed("face", "0.2.0", home.folder / "new")
    bomb = _zip(home.folder / "bomb.zip", {"face.json": b" " * 50_000_000, "face.tflite": b""})
    twice = _zip(home.folder / "twice.zip", {"a/face.json": b"", "b/face.json": b"", "face.tflite": b""})
    lone = _zip(home.folder / "lone.zip", {"face.json": pair.card})
    empty = _zip(home.folder / "empty.zip", {"readme": b""})
    spoiled = bytearray(
        (_zip(home.folder / "good.zip", {"face.json": pair.card, "face.tflite": pair.network})).read_bytes()
    )
    spoiled[len(spoiled) // 2] ^= 0xFF
    (home.folder / "spoiled.zip").write_bytes(spoiled)
    (home.folder / "no.zip").write_bytes(b"PK\x03\x04 and then nothing")
    os.mkfifo(home.folder / "voice.tflite")
    (home.folder / "voice.json").write_text("{}")
    with (home.folder / "prosody.json").open("wb") as long:
        long.truncate(10**9)
    (home.folder / "prosody.tflite").write_bytes(b"")
    (home.folder / "nothing").mkdir()
    cases: dict[Path, str] = {
        bomb: "face.json is longer than 1,000,000 bytes",
        twice: "2 entries of the name face.json",
        lone: "0 entries of the name face.tflite",
        empty: "holds no model pair",
        home.folder / "spoiled.zip": "is no zip that can be read",
        home.folder / "no.zip": "is no zip that can be read",
        home.folder / "voice.tflite": "voice.tflite: cannot be read (it is no file)",
        home.folder / "prosody.json": "is longer than 1,000,000 bytes",
        home.folder / "nothing": "holds no model pair; it can be face or voice or prosody",
        home.folder / "face.tflite": "cannot be read (No such file or directory)",
        home.folder / "nose.tflite": "Mien has no model of this name",
        home.settings: "no file that ends in .tflite, .json or .zip",
    }
    for file, words in cases.items():
        assert_error(home.models("install", file), words, "nothing was changed")
    assert_error(home.models("install"), "needs a file")
    assert_error(home.models("rollback"), "nothing to go back to")
    assert_error(home.models("rollback", "nose"), "face, voice, prosody")
    assert_error(home.models("list", "face"), "takes no further argument")
    assert not home.state.exists()


def test_a_network_that_never_finishes_is_an_error_and_changes_nothing(home: Home) -> None:
    pytest.importorskip("ai_edge_litert.schema_py_generated")
    from tests.perception.models.damaged_models import endless

    content = endless((MODELS / "prosody.tflite").read_bytes())
    network = made("prosody", "0.2.0", home.folder / "new", content)
    assert_error(home.models("install", network), "has WHILE", "nothing was changed")
    assert home.versions()["prosody"] == "0.1.0"


def test_a_smoke_test_that_hangs_is_killed(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"gave no result within 0\.05 s"):
        run_smoke_test(handed("face", "0.2.0", tmp_path), max_s=0.05)


def test_doctor_reports_the_model_in_use_and_a_damaged_one(home: Home) -> None:
    assert home.models("install", made("face", "0.2.0", home.folder / "new")).returncode == 0

    def found() -> dict[str, tuple[bool | None, str, str]]:
        return {f.name: (f.ok, f.message, f.fix) for f in examine(home.settings) if f.name.endswith("model")}

    sound = found()
    assert sound["face model"][1].startswith("0.2.0 (installed), intact")
    assert sound["voice model"][1].startswith("0.1.0 (shipped), intact")
    assert "installed face model" not in sound
    select("face", home.state).path.write_bytes(b"damaged")
    damaged = found()
    assert damaged["face model"][1].startswith("0.1.0 (shipped), intact")
    ok, said, fix = damaged["installed face model"]
    assert ok is None
    assert "is not what was installed" in said
    assert "mien models rollback" in fix


@pytest.fixture
def sense(home: Home) -> Iterator[Callable[[], tuple["subprocess.Popen[str]", Hub]]]:
    """Starts a real `mien sense`, connected to a fake hub."""
    (home.folder / "run").mkdir(mode=0o700)
    begun: list[tuple[subprocess.Popen[str], Hub]] = []

    def start() -> tuple["subprocess.Popen[str]", Hub]:
        (home.folder / "run" / "door.sock").unlink(missing_ok=True)
        hub = Hub(home.folder / "run" / "door.sock")
        command = home.command("sense")
        process = subprocess.Popen(command, env=home.env, stderr=subprocess.PIPE, text=True)
        begun.append((process, hub))
        return process, hub

    yield start
    for process, hub in begun:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=20)
        hub.close()


def test_sense_loads_an_installed_model_only_when_it_starts(
    home: Home, sense: Callable[[], tuple["subprocess.Popen[str]", Hub]]
) -> None:
    process, hub = sense()
    until(lambda: hub.health, 15)
    assert home.models("install", made("face", "0.2.0", home.folder / "new")).returncode == 0
    time.sleep(0.5)
    assert process.poll() is None
    assert hub.health
    assert hub.health.stages["face"].detail == ""
    select("face", home.state).path.unlink()
    process.terminate()
    process.communicate(timeout=20)
    process, hub = sense()
    until(lambda: hub.health, 15)
    assert hub.health
    face, voice = hub.health.stages["face"], hub.health.stages["voice"]
    for words in (
        "the installed face model is damaged",
        "No such file",
        "the shipped one is used",
        "mien models install",
    ):
        assert words in face.detail
    assert voice.detail == ""
    process.terminate()
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "the installed face model is damaged" in log
    assert "Traceback" not in log

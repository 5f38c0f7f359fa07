"""What is a secret in the settings stays out of what others read: config show, history, errors, doctor, the journal."""

import asyncio
import contextlib
import json
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from device.emotions import Emotion
from device.errors import SettingsError
from device.hub.history.database import FILE_NAME, HistoryFile
from device.hub.history.reader import read
from device.settings.load import load, parse
from device.system.address import redact_address
from tests.command_line import Mien, write_settings
from tests.hub.conftest import free_port, short
from tests.hub.hub_running import Sense, is_listening, mood, run, running, state, until

__all__ = ["short"]  # a fixture

_RULES = """
[home_assistant]
url = "http://me:hunter2@127.0.0.1:1/hunter2"
token_file = "/nonexistent"
[[rules]]
name = "tell"
mood = ["sad"]
for_s = 0
min_confidence = 0
do = [
  { action = "webhook", url = "http://127.0.0.1:1/T0/hunter2?key=hunter2", data = { text = ["hunter2"], n = 5 } },
  { action = "command", run = ["/bin/false", "--password", "hunter2"] },
]
"""


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("https://hooks.example.com/T0/B0/x?y#z", "https://hooks.example.com/..."),
        ("https://hooks.example.com", "https://hooks.example.com"),
        ("rtsp://me:pw@192.168.1.20:8554/stream", "rtsp://192.168.1.20:8554/..."),
        ("rtsp://me:pw@[fe80::1]", "rtsp://[fe80::1]/..."),
        ("rtsp://me:p/w@192.168.1.20/stream", "rtsp://..."),
        ("http://host:port/pw", "http://..."),
        ("http:///pw", "http://..."),
    ],
)
def test_of_an_address_scheme_host_and_port_are_shown(address: str, shown: str) -> None:
    assert redact_address(address) == shown
    assert redact_address(shown) == shown


@pytest.mark.parametrize("source", ["rtsp://me:hunter2@192.168.1.20/hunter2", "gstreamer:rtspsrc user-pw=hunter2 ! x"])
def test_config_show_has_no_secrets_and_stays_valid(mien: Mien, tmp_path: Path, source: str) -> None:
    path = write_settings(tmp_path, _RULES)
    path.write_text(path.read_text().replace('source = "off"', f'source = "{source}"', 1))
    shown = mien("--settings", path, "config", "show")
    assert shown.returncode == 0
    assert "hunter2" not in shown.stdout
    assert "127.0.0.1:1/..." in shown.stdout
    again = tmp_path / "again.toml"
    again.write_text(shown.stdout)
    assert mien("--settings", again, "config", "check").returncode == 0
    everything = mien("--settings", path, "config", "show", "--secrets").stdout
    assert everything.count("hunter2") == path.read_text().count("hunter2")


def test_the_history_has_no_secrets(short: Path, mien: Mien) -> None:
    path = write_settings(short, _RULES)
    settings = load(path)

    async def story() -> str:
        async with running(settings) as hub, Sense(settings) as sense:
            sense.change(mood(Emotion.SAD, people=1))
            await until(lambda: len([e for e in read(settings.state_dir) if e.kind == "action"]) == 2, 20)
            return json.dumps(await state(hub))

    said = run(story())
    said += mien("--settings", path, "history").stdout + mien("--settings", path, "history", "--csv").stdout
    assert "/bin/false" in said
    assert "127.0.0.1" in said
    assert "hunter2" not in said
    for file in settings.state_dir.iterdir():
        assert b"hunter2" not in file.read_bytes(), file


def test_a_program_that_repeats_its_arguments_does_not_tell_them(short: Path) -> None:
    script = 'echo "$@: denied"; exit 3'
    rule = '[[rules]]\nname = "r"\nmood = ["sad"]\nfor_s = 0\nmin_confidence = 0\n'
    rule += (
        f'do = [{{ action = "command", run = ["/bin/sh", "-c", {json.dumps(script)}, "sh", "--key=hunter2", "no"] }}]\n'
    )
    settings = load(write_settings(short, rule))

    async def story() -> None:
        async with running(settings), Sense(settings) as sense:
            sense.change(mood(Emotion.SAD, people=1))
            await until(lambda: [e for e in read(settings.state_dir) if e.kind == "action"], 20)

    run(story())
    (result,) = (entry.result for entry in read(settings.state_dir) if entry.kind == "action")
    assert result == "command /bin/sh: exit status 3: ... no: denied"


def test_what_earlier_versions_stored_is_redacted_for_good(tmp_path: Path) -> None:
    file = HistoryFile(tmp_path, 0, 0.0)
    file.query(lambda _: None)
    file.close()
    stored = [
        '{"action":"webhook","url":"https://hooks.example.com/T0/hunter2","data":{"a":"hunter2"}}',
        '{"action":"command","run":["/usr/bin/curl","hunter2"],"limit_s":10.0}',
        '{"action":"webhook","url":5,"secret":"hunter2"}',
        '{"action":"lamp","colour":"#ffffff","brightness":100}',
    ]
    with contextlib.closing(sqlite3.connect(tmp_path / FILE_NAME)) as db, db:
        db.executemany(
            "INSERT INTO actions (time_s, rule, action, result) VALUES (1, 'r', ?, 'done')", [(s,) for s in stored]
        )
    before = [entry.action for entry in read(tmp_path)]
    file.query(lambda _: None)
    file.close()
    after = [entry.action for entry in read(tmp_path)]
    expected = [
        '{"action":"webhook","url":"https://hooks.example.com/...","data":{"a":"..."}}',
        '{"action":"command","run":["/usr/bin/curl","..."],"limit_s":10.0}',
        '{"action":"webhook"}',
        stored[3],
    ]
    assert before == after == expected
    for path in tmp_path.iterdir():
        assert b"hunter2" not in path.read_bytes(), path


@pytest.mark.parametrize(
    "text",
    [
        '[camera]\nfps = "rtsp://me:hunter2@192.168.1.20/hunter2"\n',
        '[[rules]]\nname = "r"\nmood = ["sad"]\ndo = [{ action = "command", run = ["x", "hunter2\\u0000"] }]\n',
        '[[rules]]\nname = "r"\nmood = ["sad"]\ndo = [{ action = "webhook", url = "ftp://hunter2" }]\n',
        '[[rules]]\nname = "r"\nmood = ["sad"]\ndo = [{ action = "webhook", url = "http://x", data = "hunter2" }]\n',
        '[mqtt]\npassword = "hunter2"\n',
        '[mqtt]\nhost = "x"\nusername = "y"\npassword_file = "hunter2\\u0000"\n',
    ],
)
def test_an_error_in_the_settings_quotes_no_secret(text: str) -> None:
    with pytest.raises(SettingsError) as error:
        parse(text, "mien.toml")
    assert "hunter2" not in str(error.value)


def test_doctor_names_a_camera_without_its_password(mien: Mien, tmp_path: Path) -> None:
    path = write_settings(tmp_path, _RULES)
    camera = f"rtsp://me:hunter2@127.0.0.1:{free_port()}/hunter2"
    path.write_text(path.read_text().replace('source = "off"', f'source = "{camera}"\ntimeout_s = 1', 1))
    done = mien("--settings", path, "doctor", "--json")
    assert "rtsp://127.0.0.1" in done.stdout
    assert "hunter2" not in done.stdout + done.stderr


def test_config_init_writes_a_private_file(mien: Mien, tmp_path: Path) -> None:
    path = tmp_path / "mien.toml"
    os.umask(0o022)
    assert mien("--settings", path, "config", "init").returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    assert mien("--settings", path, "config", "init", "--force").returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to a group")
def test_config_init_leaves_the_services_their_settings(mien: Mien, tmp_path: Path) -> None:
    path = tmp_path / "mien.toml"
    path.write_text("# mine\n")
    os.chown(path, 0, 65534)
    path.chmod(0o640)
    assert mien("--settings", path, "config", "init", "--force").returncode == 0
    status = path.stat()
    assert (stat.S_IMODE(status.st_mode), status.st_gid) == (0o640, 65534)


# -- the journal


def _start_hub(settings: Path, log: Path, *, journal: bool) -> "subprocess.Popen[bytes]":
    """A hub whose stderr is `log`. systemd tells a service by JOURNAL_STREAM whether that is the journal."""
    with log.open("wb") as file:
        status = os.fstat(file.fileno())
        stream = f"{status.st_dev}:{status.st_ino}" if journal else "1:1"
        command = [sys.executable, "-m", "device.cli", "--settings", str(settings), "hub"]
        return subprocess.Popen(command, stderr=file, env=os.environ | {"JOURNAL_STREAM": stream})


async def _lines_of_hub(short: Path, *, journal: bool) -> str:
    """What a hub writes to stderr while somebody is sad, a rule fires and the virtual lamp changes."""
    rule = '[[rules]]\nname = "r"\nmood = ["sad"]\nfor_s = 0\ndo = [{ action = "lamp" }]\n'
    path = write_settings(short, rule)
    settings = load(path)
    log = short / "log"
    process = _start_hub(path, log, journal=journal)
    try:
        await until(lambda: is_listening(settings))
        async with Sense(settings) as sense:
            sense.change(mood(Emotion.SAD, people=1))
            await until(lambda: [e for e in read(settings.state_dir) if e.kind == "action"], 20)
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 15)
    return log.read_text()


def test_moods_are_not_in_the_journal(short: Path) -> None:
    said = run(_lines_of_hub(short, journal=True))
    assert "sense is here" in said
    assert "sad" not in said
    assert "lamp" not in said
    assert "rule" not in said


def test_in_a_terminal_moods_are_logged(short: Path) -> None:
    said = run(_lines_of_hub(short, journal=False))
    assert "mood sad 71 %" in said
    assert "rule   r: " in said

"""`mien kiosk password`: what it asks for, what it refuses, and what it writes."""

import argparse
import errno
import io
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from device.commands import kiosk as command
from device.errors import SettingsError
from device.hub.web.auth.password import load, write
from device.settings.schema import Settings
from tests.hub.hub_running import run, running
from tests.hub.web.builders import EVERYWHERE, PASSWORD, hash_cheaply, log_in, network_origin

# -- mien kiosk password


def test_the_command_reads_a_line_and_writes_a_hash(house: Settings, short: Path) -> None:
    path = short / "new" / "secret.json"
    made = _command("--file", str(path), typed="open sesame\nmore\n")
    assert made.returncode == 0, made.stderr
    assert path.stat().st_mode & 0o777 == 0o600
    assert "open sesame" not in path.read_text() + made.stdout + made.stderr
    assert re.search(r'\[kiosk\]\nlisten = "0\.0\.0\.0"\npassword_file = ".*secret\.json"', made.stdout)
    again = _command("--file", str(path), typed="open sesame\n")
    assert again.returncode == 0
    kiosk = msgspec.structs.replace(house.kiosk, listen=EVERYWHERE, password_file=str(path))

    async def story() -> None:
        async with running(msgspec.structs.replace(house, kiosk=kiosk)) as hub:
            await log_in(network_origin(hub), "open sesame")

    run(story())


def test_the_same_password_gets_a_different_hash_each_time() -> None:
    one, two = hash_cheaply(), hash_cheaply()
    assert one.hash != two.hash
    assert one.matches(PASSWORD)
    assert not one.matches(PASSWORD + " ")
    accented = hash_cheaply("caf\u00e9 au lait")
    assert accented.matches("cafe\u0301 au lait"), "however a keyboard spells it"


@pytest.mark.parametrize("typed", ["", "short\n", "1234567\n", "x" * 3000 + "\n"])
def test_an_unusable_password_is_refused(short: Path, typed: str) -> None:
    path = short / "secret.json"
    done = _command("--file", str(path), typed=typed)
    assert done.returncode == 1
    assert "the password must have at" in done.stderr
    assert "Traceback" not in done.stderr
    assert not path.exists()
    done = _command("--file", "/proc/no/secret.json", typed="open sesame\n")
    assert done.returncode == 1
    assert "--file" in done.stderr


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(short: Path) -> None:
    path = short / "secret.json"
    for answers, status, said in (
        (["open sesame", "open sesame"], 0, "password_file"),
        (["open sesame", "open sesam"], 1, "passwords differ"),
        (["short"], 1, "at least 8"),
    ):
        path.unlink(missing_ok=True)
        got, shown = _at_terminal(path, answers)
        assert got == status, shown
        assert said in shown
        assert "open sesam" not in shown
        assert path.exists() == (status == 0)


@pytest.mark.parametrize(("mode", "expected"), [(0o640, 0o640), (0o600, 0o600)])
def test_what_root_writes_beside_the_settings_gets_their_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, expected: int
) -> None:
    """The installer gives them the group mien, through which mien-hub can read files of root."""
    settings = _settings_of_a_group(tmp_path, mode)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    for _ in range(2):  # a new one, too
        monkeypatch.setattr("sys.stdin", io.StringIO("open sesame\n"))
        assert command.run(argparse.Namespace(what="password", settings=settings, file=None)) == 0
        seen = (tmp_path / "kiosk-password.json").stat()
        assert seen.st_mode & 0o777 == expected
        assert expected == 0o600 or seen.st_gid == settings.stat().st_gid
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kiosk-password.json", "mien.toml"]


def test_files_elsewhere_or_written_by_a_user_keep_their_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = _settings_of_a_group(tmp_path, 0o640)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert command.find_service_group(tmp_path / "elsewhere" / "kiosk-password.json", settings) is None
    assert command.find_service_group(tmp_path / "new" / "it.json", tmp_path / "new" / "mien.toml") is None
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert command.find_service_group(tmp_path / "kiosk-password.json", settings) is None


def test_a_password_file_that_the_service_cannot_read_is_reported_with_a_place_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **_named: object) -> None:  # as a file of root's answers, also where these tests are root
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(
        SettingsError, match=r"cannot be read.*/etc/mien/kiosk-password\.json.*sudo mien kiosk password"
    ):
        load(tmp_path / "secret.json")
    monkeypatch.setattr("device.hub.web.auth.password.atomic_write", refused)
    with pytest.raises(SettingsError, match=r"sudo mien kiosk password; or name another with --file"):
        write(tmp_path / "secret.json", hash_cheaply())


def _settings_of_a_group(folder: Path, mode: int) -> Path:
    settings = folder / "mien.toml"
    settings.touch()
    if os.geteuid() == 0:
        os.chown(settings, 0, 12345)  # anyone's but root's
    settings.chmod(mode)
    return settings


def _command(*arguments: str, typed: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "device.cli", "kiosk", "password", *arguments]
    return subprocess.run(line, input=typed, capture_output=True, text=True, timeout=60, check=False)


def _at_terminal(path: Path, answers: list[str]) -> tuple[int, str]:
    """(exit status, everything that the terminal showed)."""
    child, end = pty.fork()
    if child == 0:
        os.execv(  # noqa: S606
            sys.executable, [sys.executable, "-m", "device.cli", "kiosk", "password", "--file", str(path)]
        )
    shown = ""
    questions = ["Password for the page: ", "Repeat it: "]
    try:
        while piece := os.read(end, 4096).decode():
            shown += piece
            while answers and questions and questions[0] in shown:
                questions.pop(0)
                os.write(end, answers.pop(0).encode() + b"\n")
    except OSError:  # the terminal is gone with its program
        pass
    os.close(end)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown

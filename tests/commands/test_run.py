"""`mien run` restarts a process that dies, and reports one that keeps dying."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.commands.processes import get_children
from tests.hub.conftest import free_port


@pytest.fixture
def short() -> Iterator[Path]:
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        yield Path(folder)


def settings_in(folder: Path, port: int) -> Path:
    path = folder / "mien.toml"
    path.write_text(
        f'[home]\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n'
        f'[camera]\nsource = "off"\n[microphone]\nsource = "off"\n[kiosk]\nport = {port}\n'
    )
    return path


def running(settings: Path, *options: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "device.cli", "run", "--settings", str(settings), *options]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_hub_that_keeps_ending_stops_the_run_with_the_reason(short: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = running(settings_in(short, port))
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert str(port) in said, said
    assert "hub ended 6 times in a row" in said
    assert "Traceback" not in said


def test_a_runtime_folder_that_cannot_be_made_is_one_line(short: Path) -> None:
    (short / "run").write_text("a file is there")
    said, _ = running(settings_in(short, 0)).communicate(timeout=60)
    assert said == f"mien: {short}/run: cannot be made (File exists); set home.runtime_dir to another\n"


def test_a_killed_child_is_restarted(short: Path) -> None:
    process = running(settings_in(short, 0))
    try:
        until = time.monotonic() + 20
        while len(before := get_children(process.pid)) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
        os.kill(before[1], signal.SIGKILL)
        while before[1] in (now := get_children(process.pid)) or len(now) < 2:
            assert time.monotonic() < until
            time.sleep(0.05)
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "ended (SIGKILL); starting it again in 0.25 s" in said


_AT_LENGTH = pytest.param(600.0, marks=[pytest.mark.soak, pytest.mark.timeout(900)])


@pytest.mark.parametrize("for_s", [45.0, _AT_LENGTH])
def test_six_deaths_a_minute_end_nothing(short: Path, for_s: float) -> None:
    """For a device on a wall there is nobody who would start it again."""
    port = free_port()
    process = running(settings_in(short, port))

    def answers() -> bool:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=2) as answer:
            return bool(json.load(answer)["sense"]["available"])
        return False

    def wait_for_both(limit_s: float) -> None:
        end_s = time.monotonic() + limit_s
        while not answers():
            assert process.poll() is None, "it has given up"
            assert time.monotonic() < end_s
            time.sleep(0.1)

    deaths = 0
    try:
        wait_for_both(30)
        end_s = time.monotonic() + for_s
        while time.monotonic() < end_s:
            assert process.poll() is None, "it has given up"
            for child in get_children(process.pid):
                os.kill(child, signal.SIGKILL)
                deaths += 1
            time.sleep(5.0)
        assert deaths > for_s / 10
        wait_for_both(60)
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=30)
    assert process.returncode == 0, said
    pauses = [float(one) for one in re.findall(r"starting it again in ([\d.]+) s", said)]
    assert max(pauses) >= 4 * min(pauses), "the pauses grow"


def test_valid_new_settings_apply_and_wrong_ones_do_not(short: Path) -> None:
    port = free_port()
    path = settings_in(short, port)
    good = path.read_text()
    process = running(path)

    def state() -> dict[str, Any]:
        with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=2) as answer:
            told: dict[str, Any] = json.load(answer)
            return told
        return {}

    def until(look: Callable[[dict[str, Any]], bool], limit_s: float = 20) -> dict[str, Any]:
        end_s = time.monotonic() + limit_s
        while not (told := state()) or not look(told):
            assert time.monotonic() < end_s, told
            time.sleep(0.1)
        return told

    try:
        before = until(lambda told: told["sense"]["available"])
        path.write_text(good + "[mood]\nhold_s = -1\n")
        process.send_signal(signal.SIGHUP)
        told = until(lambda told: any("not applied" in one for one in told["problems"]))
        assert any("mood.hold_s" in one for one in told["problems"])
        time.sleep(1.5)
        told = until(lambda told: told["sense"]["available"])
        assert told["sense"]["session"] == before["sense"]["session"], "sense has begun anew"
        assert told["sense"]["hold_s"] == 3.0
        path.write_text(good + "[mood]\nhold_s = 7\n")
        process.send_signal(signal.SIGHUP)
        told = until(lambda told: told["sense"]["hold_s"] == 7.0)
        assert told["sense"]["session"] != before["sense"]["session"]
        until(lambda told: not told["problems"])
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in said, said


def test_the_name_of_a_network_camera_contains_no_secret(short: Path) -> None:
    port, camera = free_port(), free_port()
    path = settings_in(short, port)
    path.write_text(
        path.read_text().replace(
            'source = "off"',
            f'source = "RTSP://me:topsecret@127.0.0.1:{camera}/hidden?pwd=topsecret"\ntimeout_s = 1',
            1,
        )
    )
    process = running(path)
    told = ""
    try:
        end_s = time.monotonic() + 30
        while "no stream within" not in told and time.monotonic() < end_s:
            time.sleep(0.2)
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/api/state", timeout=2) as answer:
                told = answer.read().decode()
    finally:
        process.terminate()
        log, _ = process.communicate(timeout=30)
    assert f"rtsp://127.0.0.1:{camera}: no stream within 1 s" in told
    for text in (told, log):
        assert "topsecret" not in text
        assert "hidden" not in text


def test_a_dry_run_is_passed_on_to_the_hub(short: Path) -> None:
    process = running(settings_in(short, 0), "--dry-run")
    try:
        wanted = {(b"hub", b"--dry-run"), (b"info", b"sense")}
        until = time.monotonic() + 20
        seen: set[tuple[bytes, ...]] = set()
        while not wanted <= seen:  # between fork and exec, a child has the command line of its parent
            assert time.monotonic() < until, seen
            time.sleep(0.05)
            for pid in get_children(process.pid):
                with suppress(OSError):
                    seen.add(tuple(Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[:-1][-2:]))
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_killing_the_parent_ends_both_children(short: Path) -> None:
    process = running(settings_in(short, 0))
    until = time.monotonic() + 20
    while len(both := get_children(process.pid)) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(1)
    process.kill()
    process.communicate(timeout=20)
    while any(Path(f"/proc/{pid}").exists() and "Z" not in _state(pid) for pid in both):
        assert time.monotonic() < until
        time.sleep(0.05)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "Z"

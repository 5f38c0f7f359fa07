"""Other users of this device: a folder that they claimed, a socket that they opened, modules that they left lying."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from device.bench import processes
from device.commands.fetch_detectors import fetch
from device.errors import MienError, ModelError, SettingsError
from device.hub.ipc.unix_server import UnixServer
from device.ipc.messages import Hello
from device.readings import Frame
from device.sense.hub_client import HubClient
from device.sense.live_view import LiveView
from device.settings.schema import Settings
from device.system.private_folder import check_private_folder, make_private_folder
from tests.hub.conftest import short
from tests.hub.hub_running import run
from tests.sense.fake_hub import HELLO

__all__ = ["short"]  # a fixture

NOBODY = 65534
MIEN = Path(sys.executable).with_name("mien")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can act as another user")
needs_namespaces = pytest.mark.skipif(
    os.geteuid() != 0
    or not shutil.which("unshare")
    or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0,
    reason="needs root and mount namespaces",
)
_QUIET = '[camera]\nsource = "off"\n[microphone]\nsource = "off"\n[kiosk]\nport = 0\n'


# -- a folder that somebody else has made


@needs_namespaces
@pytest.mark.parametrize("command", ["run", "hub", "sense"])
@pytest.mark.parametrize("claimed", ["/tmp/mien-0", "/tmp/mien-0/mien"])
def test_a_claimed_runtime_folder_is_refused(command: str, claimed: str) -> None:
    """Without XDG_RUNTIME_DIR the folder is in /tmp, where everybody may make it first."""
    script = f"mount -t tmpfs tmpfs /tmp && chmod 1777 /tmp && mkdir -p {claimed} && chown {NOBODY} {claimed}"
    script += f" && cd / && exec timeout 10 {sys.executable} -P -m device.cli {command}"
    environment = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "MIEN_SETTINGS": "/dev/null"}
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script],
        env=environment | {"STATE_DIRECTORY": "/tmp/state"},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 1, done.stderr
    assert f"{claimed}: belongs to the user nobody" in done.stderr
    assert "home.runtime_dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_folder_that_others_may_enter_or_write_is_refused(short: Path) -> None:
    folder = short / "run"
    make_private_folder(folder / "mien")
    assert (folder.stat().st_mode & 0o777, (folder / "mien").stat().st_mode & 0o777) == (0o700, 0o700)
    (folder / "mien").chmod(0o755)
    with pytest.raises(SettingsError, match=r"run/mien: other users may enter it; chmod 700 /"):
        check_private_folder(folder / "mien")
    for mode in (0o770, 0o702):
        (folder / "mien").chmod(mode)
        with pytest.raises(SettingsError, match=r"run/mien: other users may write there; chmod go-w /"):
            check_private_folder(folder / "mien")
    (folder / "mien").chmod(0o700)
    folder.chmod(0o777)
    with pytest.raises(SettingsError, match=r"run: other users may write there"):
        check_private_folder(folder / "mien")
    folder.chmod(0o1777)  # as /tmp is
    check_private_folder(folder / "mien")


@needs_root
def test_every_folder_and_link_on_the_way_belongs_to_us(short: Path) -> None:
    ours, theirs = short / "ours", short / "theirs"
    make_private_folder(ours)
    theirs.mkdir()
    (theirs / "run").mkdir(mode=0o700)
    os.chown(theirs, NOBODY, NOBODY)
    with pytest.raises(SettingsError, match=r"theirs: belongs to the user nobody"):
        check_private_folder(theirs / "run")
    link = short / "link"
    link.symlink_to(ours)
    check_private_folder(link)
    os.chown(link, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(SettingsError, match=r"link: belongs to the user nobody"):
        check_private_folder(link)
    (short / "way").symlink_to(theirs)
    with pytest.raises(SettingsError, match=r"theirs: belongs to the user nobody"):
        check_private_folder(short / "way" / "run")


@needs_root
def test_what_systemd_made_may_belong_to_the_other_service(short: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = short / "run"
    folder.mkdir()
    folder.chmod(0o770)
    os.chown(folder, NOBODY, NOBODY)
    check_private_folder(folder, is_shared=True)
    folder.chmod(0o777)
    with pytest.raises(SettingsError, match="other users may write there"):
        check_private_folder(folder, is_shared=True)


def test_settings_with_such_a_folder_are_refused_beforehand(short: Path) -> None:
    (short / "run").mkdir()
    (short / "run").chmod(0o777)
    path = short / "mien.toml"
    path.write_text(f'[home]\nstate_dir = "{short}/state"\nruntime_dir = "{short}/run"\n{_QUIET}')
    done = subprocess.run([MIEN, "--settings", path, "config", "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{short}/run: other users may write there" in done.stderr


# -- the other end of a socket


def _as_nobody(code: str, *arguments: object) -> "subprocess.Popen[bytes]":
    """Python as another user, with nothing but the standard library."""
    command = ["/usr/bin/env", "-i", "/usr/bin/python3", "-I", "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, user=NOBODY, group=NOBODY, extra_groups=[], cwd="/", stdout=subprocess.PIPE)


_CONNECTS = """
import socket, sys
with socket.socket(socket.AF_UNIX) as end:
    end.settimeout(5)
    end.connect(sys.argv[1])
    try:
        end.sendall(b"hello\\n")
        print(end.recv(100))
    except ConnectionError:
        print(b"")
"""
_LISTENS = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as listener:
    listener.bind(sys.argv[1])
    os.chmod(sys.argv[1], 0o777)
    listener.listen()
    print("listens", flush=True)
    got = b""
    for _ in range(3):
        end, _ = listener.accept()
        end.settimeout(2)
        try:
            got += end.recv(100)
        except OSError:
            pass
        end.close()
    print(got)
"""


@needs_root
def test_hub_serves_no_other_user(short: Path, caplog: pytest.LogCaptureFixture) -> None:
    short.chmod(0o755)
    path, served = short / "door.sock", []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(await reader.readline())
        writer.write(b"welcome\n")
        writer.close()

    async def story() -> None:
        server = UnixServer(path, serve)
        await server.open()
        path.chmod(0o777)  # the folder and the mode of the socket keep others out, too: here both have failed
        stranger = _as_nobody(_CONNECTS, path)
        output, _ = await asyncio.to_thread(stranger.communicate, timeout=10)
        assert output == b"b''\n"
        assert served == []
        reader, writer = await asyncio.open_unix_connection(str(path))
        writer.write(b"ours\n")
        assert await reader.readline() == b"welcome\n"
        writer.close()
        await server.close()

    run(story())
    assert "the other end belongs to user 65534" in caplog.text


@needs_root
def test_sense_talks_to_no_other_user(short: Path) -> None:
    short.chmod(0o777)
    path = short / "door.sock"
    stranger = _as_nobody(_LISTENS, path)
    assert stranger.stdout
    assert stranger.stdout.readline() == b"listens\n"
    client = HubClient(path, HELLO, lambda _: None, retry_s=0.05)
    client.start()
    try:
        assert stranger.communicate(timeout=10)[0] == b"b''\n"  # not even our Hello
        assert not client.connected
    finally:
        client.stop()
    assert isinstance(HELLO, Hello)


@needs_root
def test_sense_sends_no_picture_to_another_user(short: Path, caplog: pytest.LogCaptureFixture) -> None:
    short.chmod(0o777)
    path = short / "live.sock"
    stranger = _as_nobody(_LISTENS, path)
    assert stranger.stdout
    assert stranger.stdout.readline() == b"listens\n"
    view = LiveView(path, allowed=True)
    view.set_on(True)
    view.start()
    try:
        view.watch(60.0)
        while stranger.poll() is None:
            view.offer(Frame(np.zeros((120, 160, 3), np.uint8), time.monotonic()), [])
            time.sleep(0.05)
        assert stranger.communicate(timeout=10)[0] == b"b''\n"
    finally:
        view.stop()
    assert "hub accepts no picture (the other end belongs to user 65534, not to Mien)" in caplog.text


# -- modules that lie in the working folder


@pytest.fixture
def traps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[], bool]:
    """The working folder holds modules of somebody else under our names; tells whether one of them ran."""
    folder, mark = tmp_path / "traps", tmp_path / "ran"
    (folder / "device").mkdir(parents=True)
    for name in ("device/__init__", "msgspec", "pip", "numpy", "aiohttp"):
        (folder / f"{name}.py").write_text(f"open({str(mark)!r}, 'w').close()\nraise SystemExit(3)\n")
    monkeypatch.chdir(folder)
    monkeypatch.delenv("PYTHONPATH", raising=False)
    return mark.exists


def test_run_and_demo_run_nothing_from_the_working_folder(short: Path, traps: Callable[[], bool]) -> None:
    path = short / "mien.toml"
    path.write_text(f'[home]\nstate_dir = "{short}/state"\nruntime_dir = "{short}/run"\n{_QUIET}')
    with subprocess.Popen([MIEN, "run", "--settings", path], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        said = ""
        while "connected to hub" not in said and (line := process.stderr.readline()):
            said += line
        process.terminate()
    assert "connected to hub" in said, said
    done = subprocess.run(
        [MIEN, "demo", "--no-browser", "--seconds", "1"], capture_output=True, text=True, timeout=110, check=False
    )
    assert "The page:" in done.stdout
    assert not traps()


def test_bench_runs_nothing_from_the_working_folder(traps: Callable[[], bool]) -> None:
    command = [str(MIEN), "bench", "--parts", "streams"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        try:
            process.wait(4)
        except subprocess.TimeoutExpired:
            process.terminate()
    assert not traps()


def test_fetch_runs_nothing_from_the_working_folder(
    tmp_path: Path, traps: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    (tmp_path / "models").mkdir()
    with pytest.raises(ModelError, match="pip cannot download mediapipe"):
        fetch(tmp_path / "models", tmp_path / "cache")
    assert not traps()


# -- the last line of a child


def test_run_gives_the_reason_of_a_child_that_keeps_ending(short: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path = short / "mien.toml"
        off = _QUIET.replace("port = 0", f"port = {port}")
        path.write_text(f'[home]\nstate_dir = "{short}/state"\nruntime_dir = "{short}/run"\n{off}')
        done = subprocess.run(
            [MIEN, "--settings", path, "run"], capture_output=True, text=True, timeout=110, check=False
        )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("mien: hub ended 6 times in a row, the last time with exit status 1: ")
    assert f"the page cannot use port {port}" in last


def test_bench_gives_the_reason_of_a_child_that_ended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('no msgspec today')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(MienError, match="no msgspec today"):
        processes.measure_start(Settings(), limit_s=8)
    with pytest.raises(MienError, match="no msgspec today"):
        processes.measure_load("nobody", 1.0, Settings(), limit_s=30)


def test_one_place_starts_pythons() -> None:
    device = Path(__file__).parents[1] / "device"
    named = [path.name for path in device.rglob("*.py") if "sys.executable" in path.read_text(encoding="utf-8")]
    assert named == ["python.py"]

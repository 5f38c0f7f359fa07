"""The hub as a process: a port in use, a stop, kill -9, and its messages to systemd."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

import msgspec
import pytest

from device.emotions import Emotion
from device.hub.process import run_hub
from device.settings.locations import socket_path
from device.settings.schema import Kiosk, Settings
from device.system.sd_notify import notify
from tests.hub.conftest import free_port
from tests.hub.hub_running import Sense, has_socket, is_listening, mood, run, start_hub_process, until
from tests.hub.hub_setup import gaps, kinds


def test_a_port_in_use_is_a_clear_error_and_leaves_no_socket(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert run_hub(msgspec.structs.replace(house, kiosk=Kiosk(port=port))) == 1
    assert f"cannot use port {port}" in caplog.text
    assert not has_socket(house)


@pytest.mark.parametrize("page", [False, True])
def test_a_stop_with_open_connections_logs_no_traceback(house: Settings, short: Path, *, page: bool) -> None:
    """Clients are connected but have sent no Hello. The hub is stopped, or cannot open its page."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = start_hub_process(house, short, page=taken.getsockname()[1] if page else 0)
        with contextlib.ExitStack() as clients:
            while process.poll() is None:
                with contextlib.suppress(OSError):
                    client = clients.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                    client.connect(str(socket_path(house.runtime_dir)))
                    if not page:
                        process.terminate()
                time.sleep(0.001)
            log = process.communicate(timeout=10)[1]
    assert process.returncode == int(page)
    assert "Traceback" not in log, log


def test_a_gap_after_kill_9(house: Settings, short: Path) -> None:
    async def send_one(process: "subprocess.Popen[str]", seq: int) -> None:
        await until(lambda: process.poll() is not None or is_listening(house), 15)
        async with Sense(house) as sense:
            sense.change(mood(Emotion.SAD if seq == 1 else Emotion.HAPPY), seq)
            await until(lambda: sense.last_ack() == seq)

    first = start_hub_process(house, short)
    try:
        run(send_one(first, 1))
    finally:
        first.kill()
        first.communicate(timeout=5)
    killed_s = time.time()
    time.sleep(0.5)
    second = start_hub_process(house, short)
    try:
        run(send_one(second, 2))
    finally:
        second.terminate()
        assert second.wait(10) == 0
        log = second.communicate(timeout=5)[1]
    assert "Traceback" not in log
    assert kinds(house, "mood") == ["sad", "happy"]
    between = [gap for gap in gaps(house) if gap[0] < killed_s and gap[1] is not None and gap[1] > killed_s]
    assert between, gaps(house)
    assert "lost" not in str(gaps(house))


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_gets_ready_watchdog_and_stopping(house: Settings, short: Path, abstract: bool) -> None:
    name = f"mien-test-{os.getpid()}-{free_port()}" if abstract else str(short / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{name}" if abstract else name)
        systemd.settimeout(15)
        process = start_hub_process(house, short, NOTIFY_SOCKET=f"@{name}" if abstract else name)
        try:
            got = [systemd.recv(100) for _ in range(3)]
            process.send_signal(signal.SIGINT)
            assert process.wait(10) == 0
            while b"STOPPING=1" not in got:
                got.append(systemd.recv(100))
        finally:
            process.kill()
            process.communicate(timeout=5)
    assert b"READY=1" in got
    assert b"WATCHDOG=1" in got


def test_without_systemd_nothing_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    assert notify("READY=1") is False
    monkeypatch.setenv("NOTIFY_SOCKET", "/nowhere/at/all")
    assert notify("READY=1") is False

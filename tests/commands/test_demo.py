"""`mien demo` as a new user sees it."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator

import pytest

from device.commands.demo import Watcher
from tests.command_line import Mien, assert_one_line_error
from tests.commands.processes import get_children


@pytest.fixture
def demo() -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-m", "device.cli", "demo", "--no-browser"]
    pipe, environment = subprocess.PIPE, {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=pipe, stderr=subprocess.STDOUT, text=True, env=environment)
    yield process
    if process.poll() is None:
        process.terminate()
        process.wait(10)


def lines_until(process: "subprocess.Popen[str]", wanted: str, limit_s: float = 60) -> str:
    assert process.stdout
    said, until = "", time.monotonic() + limit_s
    while not re.search(wanted, said):
        line = process.stdout.readline()
        assert line, said
        said += line
        assert time.monotonic() < until, said
    return said


def test_it_prints_what_was_played_and_read_and_stops_cleanly_on_ctrl_c(demo: "subprocess.Popen[str]") -> None:
    said = lines_until(demo, r"played neutral +read neutral")
    page = re.search(r"http://127\.0\.0\.1:\d+/", said)
    assert page
    with urllib.request.urlopen(page[0], timeout=5) as answer:  # noqa: S310 - the demo's own page
        assert b"<html" in answer.read()
    # The mood follows what is played, and the lamp follows the mood.
    said += lines_until(demo, r"played happy +read happy")
    said += lines_until(demo, r"played sad .*lamp #fff1d6 at 90 %")
    both = get_children(demo.pid)
    assert len(both) == 2
    demo.send_signal(signal.SIGINT)
    rest, _ = demo.communicate(timeout=20)
    assert demo.returncode == 0
    assert re.search(r"neutral +\d+% as played", rest)
    assert re.search(r"happy +\d+% as played", rest)
    assert "Traceback" not in said + rest
    for pid in both:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_it_stops_by_itself_after_seconds() -> None:
    command = [sys.executable, "-m", "device.cli", "demo", "--no-browser", "--seconds", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "as played" in done.stdout


def test_it_stops_when_its_reader_closes_the_pipe() -> None:
    """`mien demo | head -1`: both child processes end, too."""
    command = [sys.executable, "-m", "device.cli", "demo", "--no-browser"]
    pipe, environment = subprocess.PIPE, {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stdout
        assert process.stderr
        assert "The page: " in process.stdout.readline()
        process.stdout.close()
        try:
            assert process.wait(60) == 1
        finally:
            process.kill()
        assert process.stderr.read() == ""


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", b"gibberish\r\n\r\n"])
def test_a_truncated_answer_of_the_hub_is_skipped(answer: bytes) -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as hub:
        watcher = Watcher(f"http://127.0.0.1:{hub.getsockname()[1]}/", time.monotonic(), stop)
        watching = threading.Thread(target=watcher.watch, args=(None, False))
        watching.start()
        hub.settimeout(10)
        for _ in range(2):
            line, _ = hub.accept()
            line.recv(4096)
            line.sendall(answer)
            line.close()
        assert not stop.is_set()
        stop.set()
        watching.join(10)
    assert watcher.error is None


@pytest.mark.parametrize("seconds", ["nan", "inf", "-1"])
def test_an_impossible_duration_is_refused(mien: Mien, seconds: str) -> None:
    assert_one_line_error(mien("demo", "--no-browser", f"--seconds={seconds}"), f"--seconds {seconds}", "from 0 on")

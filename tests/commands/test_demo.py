"""`mien demo` as a newcomer sees it."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator

import pytest

from tests.commands.processes import children_of


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


def test_it_says_what_was_played_and_read_and_ends_cleanly_on_ctrl_c(demo: "subprocess.Popen[str]") -> None:
    said = lines_until(demo, r"played neutral +read neutral")
    page = re.search(r"http://127\.0\.0\.1:\d+/", said)
    assert page
    with urllib.request.urlopen(page[0], timeout=5) as answer:  # noqa: S310 - the demo's own page
        assert b"<html" in answer.read()
    # The mood changes with the play, and the lamp with the mood.
    said += lines_until(demo, r"played happy +read happy")
    said += lines_until(demo, r"played sad .*lamp #fff1d6 at 90 %")
    both = children_of(demo.pid)
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


def test_it_ends_by_itself_when_told_for_how_long() -> None:
    command = [sys.executable, "-m", "device.cli", "demo", "--no-browser", "--seconds", "5"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "as played" in done.stdout

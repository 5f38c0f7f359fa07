"""Start the two processes, restart the one that ends, and stop both in order."""

import argparse
import ctypes
import logging
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from device.errors import MienError

_log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_STEADY_S = 30.0
_MAX_RETRIES = 5
_END_S = 6.0


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Child:
    """One of the two processes: started again with growing pauses; given up when it never stays."""

    def __init__(self, name: str, flags: list[str], *options: str) -> None:
        self.name = name
        self._command = [sys.executable, "-m", "device.cli", *flags, name, *options]
        self._failures = 0
        self._due_s = 0.0
        self._started_s = 0.0
        self.process: subprocess.Popen[bytes] | None = None

    def tend(self, now_s: float) -> None:
        """Start it when it is due, notice when it has ended. Raises MienError when it will not stay up."""
        if self.process is None:
            if now_s >= self._due_s:
                # Its own group, so that Ctrl-C comes from us, in order, and not from the terminal to all at once.
                self.process = subprocess.Popen(self._command, preexec_fn=_die_with_parent, start_new_session=True)  # noqa: PLW1509
                self._started_s = now_s
            return
        status = self.process.poll()
        if status is None:
            return
        self._failures = 1 if now_s - self._started_s > _STEADY_S else self._failures + 1
        if self._failures > _MAX_RETRIES:
            raise MienError(
                f"{self.name} ended {self._failures} times in a row, last with {status}; see what it said above"
            )
        self._due_s = now_s + min(0.25 * 2 ** (self._failures - 1), 10.0)
        _log.warning("%s ended (%s); starting it again", self.name, _meaning(status))
        self.process = None

    def pass_on(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def end(self) -> None:
        """Ask it to stop, and make sure."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            _log.warning("%s did not stop within %s s; killed", self.name, _END_S)
            self.process.kill()
            self.process.wait()


def _meaning(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def supervise(children: list[Child], stop: threading.Event) -> None:
    """Tend the children until `stop`; then end them, sense first, so that hub hears its last words.

    SIGHUP is passed on: each looks whether new settings can be taken over.
    """

    def pass_on(*_: object) -> None:
        for child in children:
            child.pass_on(signal.SIGHUP)

    signal.signal(signal.SIGHUP, pass_on)
    try:
        while not stop.wait(0.1):
            for child in children:
                child.tend(time.monotonic())
    finally:
        for child in reversed(children):
            child.end()


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def common_flags(arguments: argparse.Namespace, settings: Path | None) -> list[str]:
    """What both processes are told, for them to read the same settings."""
    return [*(["--settings", str(settings)] if settings else []), "--log", arguments.log]

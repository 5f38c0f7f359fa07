"""Start the two processes, restart one that ends, and stop both in order."""

import argparse
import ctypes
import logging
import signal
import subprocess
import threading
import time
from pathlib import Path

from device.errors import MienError
from device.system.journal import keep_journal_variable
from device.system.python import python_command
from device.system.stderr import StderrRelay

_log = logging.getLogger(__name__)

_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)
_STABLE_S = 30.0
"""A process that ran for longer starts again with the shortest pause."""
_MAX_RETRIES = 5
_WORKS_S = 5.0
"""A process that ran for this long can run: whatever ends it later, it is started again, for nobody else would."""
_MAX_PAUSE_S = 30.0
_STOP_TIMEOUT_S = 6.0


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


class Child:
    """One of the two processes. It is restarted after growing pauses.

    It is given up only if it has never run: then its settings or files are wrong, and somebody waits for the reason.
    """

    def __init__(self, name: str, flags: list[str], *options: str) -> None:
        self.name = name
        self._command = python_command("-m", "device.cli", *flags, name, *options)
        self._failures = 0
        self._has_run = False
        self._due_s = 0.0
        self._started_s = 0.0
        self.process: subprocess.Popen[bytes] | None = None
        self._stderr: StderrRelay | None = None

    def poll(self, now_s: float) -> None:
        """Start the process when it is due; notice when it has ended. Raises MienError when it never gets to run."""
        if self.process is None:
            if now_s >= self._due_s:
                # In a session of its own, so that Ctrl-C reaches it from us, in order, and not from the terminal.
                self.process = subprocess.Popen(
                    self._command,
                    preexec_fn=_die_with_parent,  # noqa: PLW1509 - it takes no lock that a thread could hold
                    start_new_session=True,
                    stderr=subprocess.PIPE,
                )
                self._stderr = StderrRelay(self.process.stderr) if self.process.stderr else None
                self._started_s = now_s
            return
        status = self.process.poll()
        if status is None:
            return
        ran_s = now_s - self._started_s
        self._failures = 1 if ran_s > _STABLE_S else self._failures + 1
        self._has_run |= ran_s > _WORKS_S
        if self._failures > _MAX_RETRIES and status > 0 and not self._has_run:
            times = f"{self._failures} times in a row, the last time with {_describe_status(status)}"
            last_line = self._stderr.last_line() if self._stderr else ""
            raise MienError(f"{self.name} ended {times}: {last_line or 'it said nothing'}")
        pause_s = min(0.25 * 2 ** min(self._failures - 1, 10), _MAX_PAUSE_S)
        self._due_s = now_s + pause_s
        _log.warning("%s ended (%s); starting it again in %g s", self.name, _describe_status(status), pause_s)
        self.process = None

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process if it runs."""
        if self.process and self.process.poll() is None:
            self.process.send_signal(number)

    def stop(self) -> None:
        """Terminate the process; kill it if that does not help."""
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            _log.warning("%s did not stop within %s s; killed", self.name, _STOP_TIMEOUT_S)
            self.process.kill()
            self.process.wait()


def _describe_status(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else f"exit status {status}"


def supervise(children: list[Child], stop: threading.Event) -> None:
    """Keep the children running until `stop` is set. Then stop `sense` first, so that the hub gets its last messages.

    Forwards SIGHUP: each child then reloads its settings.
    """

    def forward_reload(*_: object) -> None:
        for child in children:
            child.send_signal(signal.SIGHUP)

    signal.signal(signal.SIGHUP, forward_reload)
    keep_journal_variable()
    try:
        while not stop.wait(0.1):
            for child in children:
                child.poll(time.monotonic())
    finally:
        for child in reversed(children):
            child.stop()


def stop_on_signals() -> threading.Event:
    """An event that SIGINT and SIGTERM set."""
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


def common_flags(arguments: argparse.Namespace, settings: Path | None) -> list[str]:
    """The flags of this command line that both processes get, too."""
    return [*(["--settings", str(settings)] if settings else []), "--log", arguments.log]

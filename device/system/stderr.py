"""The error output: silenced for a moment, or a child's passed on."""

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

_END_S = 1.0
"""How long to wait for the last output of a child that has ended: its own child may hold the pipe open."""


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Discard everything the whole process writes to file descriptor 2. Lines of other threads are lost, too.

    For native libraries, which write to the console without asking Python.
    """
    sys.stderr.flush()
    original, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, 2)
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)
        os.close(devnull)


class StderrRelay:
    """Reads the error output of a child, passes it on to ours, and keeps the last line for a message."""

    def __init__(self, pipe: IO[bytes], *, is_passed_on: bool = True) -> None:
        """`pipe`: the child's stderr. It is closed at its end."""
        self._is_passed_on = is_passed_on
        self._last = b""
        self._thread = threading.Thread(target=self._run, args=(pipe,), name="stderr", daemon=True)
        self._thread.start()

    def last_line(self) -> str:
        """The last line that was not empty. Call it once the child has ended."""
        self._thread.join(_END_S)
        return self._last.decode(errors="backslashreplace").strip()

    def _run(self, pipe: IO[bytes]) -> None:
        with pipe:
            for line in pipe:
                if line.strip():
                    self._last = line
                if self._is_passed_on:
                    with suppress(OSError):  # nobody reads ours; the child must not block for that
                        os.write(2, line)

"""A program on this machine: no shell, a small environment, a time limit, and no child that outlives it."""

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import Any, cast

from device.errors import ActionError
from device.hub.actions.base import Destination, LastState, Resources, Trigger
from device.hub.actions.transport.http import clean_text, encode_json
from device.settings.actions.command import Command

_MAX_PROGRAMS = 4
"""At a time."""
_MAX_BYTES = 65_536
"""Kept of its output; the rest is read and dropped, so that the program does not block."""
_MIN_SECRET = 4
"""A shorter argument is no secret, but a part of many words."""
_OUTPUT_S = 0.2
"""How long to wait for output after the program has ended: a child may hold its pipe open for ever."""


def build(_resources: Resources) -> dict[type[Any], Destination[Any]]:
    """Always available."""
    return {Command: Programs()}


class Programs(LastState):
    """Runs programs, a few at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_MAX_PROGRAMS)

    async def run(self, action: Command, trigger: Trigger) -> None:
        """Returns when the program has ended with status 0. Then, or at its limit, its process group is killed.

        A child that has to live on starts a session of its own (setsid). Raises ActionError with its first output line.
        """
        name = f"command {action.run[0]}"
        output = _Output(action.run[1:])
        try:
            async with asyncio.timeout(action.limit_s), self._slots:
                status = await _run(action.run, encode_json(trigger.as_json()) + b"\n", output)
        except TimeoutError:
            problem = f"not finished within {action.limit_s:g} s, and killed"
            raise ActionError(f"{name}: {problem}{output.first_line}") from None
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            raise ActionError(f"{name}: cannot be run ({why}); is it there, and executable?") from None
        if status:
            how = f"exit status {status}" if status > 0 else f"ended by signal {-status}"
            raise ActionError(f"{name}: {how}{output.first_line}")
        self._state = {"command": action.run[0]}


class _Output(asyncio.SubprocessProtocol):
    """A program's output and its end. asyncio's own Process would also wait for children that hold its pipes."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        """`secrets`: its arguments, which a message must not repeat."""
        self._secrets = sorted(filter(None, secrets), key=len, reverse=True)
        self.text = bytearray()
        self.closed = asyncio.Event()
        self.exited = asyncio.Event()

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        self.text += data[: _MAX_BYTES - len(self.text)]

    def pipe_connection_lost(self, fd: int, _exc: Exception | None) -> None:
        if fd == 1:
            self.closed.set()

    def process_exited(self) -> None:
        self.exited.set()

    @property
    def first_line(self) -> str:
        """For a message, after a colon; empty if there was no output."""
        text = self.text.decode(errors="replace").strip()
        for secret in self._secrets:
            if len(secret) >= _MIN_SECRET:
                text = text.replace(secret, "...")
        lines = text.splitlines()
        return f": {clean_text(lines[0])}" if lines else ""


async def _run(arguments: tuple[str, ...], stdin: bytes, output: _Output) -> int:
    """Its exit status, negative for a signal. Raises OSError."""
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        lambda: output,
        *arguments,
        stderr=subprocess.STDOUT,
        env={name: os.environ[name] for name in os.environ.keys() & {"PATH", "HOME", "LANG"}},
        start_new_session=True,
    )
    try:
        pipe = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        pipe.write(stdin)
        pipe.close()
        await output.exited.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_OUTPUT_S):
                await output.closed.wait()
        return transport.get_returncode() or 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await output.exited.wait()
        transport.close()

"""A program of this machine: no shell, a small environment, a time limit, and no child that outlives it."""

import asyncio
import contextlib
import os
import signal
import subprocess
from typing import Any, cast

from device.errors import ActionError
from device.hub.actions.base import Trigger
from device.hub.actions.transport.http import encoded, plain_text
from device.settings.actions import Command

_ENVIRONMENT = ("PATH", "HOME", "LANG")
_MAX_BYTES = 65_536
"""Of its output, the first; the rest is read and dropped, so that it does not wait for us."""
_MAX_AT_ONCE = 4
_LAST_WORDS_S = 0.2
"""Its output may come after its end; a child that holds the other end would be waited for without it."""


class Programs:
    """Runs them, a few at a time."""

    def __init__(self) -> None:
        self._slots = asyncio.Semaphore(_MAX_AT_ONCE)
        self._state: dict[str, Any] = {}

    async def run(self, action: Command, occasion: Trigger) -> None:
        """Returns when it has ended with status 0; then, or at its limit, its process group is killed.

        A child that has to live on makes a session of its own (setsid). Raises ActionError, with its first line.
        """
        name = f"command {action.run[0]}"
        heard = _Conversation()
        try:
            async with asyncio.timeout(action.limit_s), self._slots:
                status = await _run(action.run, encoded(occasion.as_json()) + b"\n", heard)
        except TimeoutError:
            raise ActionError(f"{name}: not through within {action.limit_s:g} s, and ended{heard.first_line}") from None
        except (OSError, ValueError) as error:
            why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
            raise ActionError(f"{name}: cannot be run ({why}); is it there, and executable?") from None
        if status:
            how = f"exit status {status}" if status > 0 else f"ended by signal {-status}"
            raise ActionError(f"{name}: {how}{heard.first_line}")
        self._state = {"command": action.run[0]}

    def state(self) -> dict[str, Any]:
        """The last that went well: `{"command": its name}`; empty before the first."""
        return dict(self._state)


class _Conversation(asyncio.SubprocessProtocol):
    """What one program says, and its end. asyncio's own Process waits for the children that hold its pipes, too."""

    def __init__(self) -> None:
        self.said = bytearray()
        self.silent = asyncio.Event()
        self.exited = asyncio.Event()

    def pipe_data_received(self, _fd: int, data: bytes) -> None:
        self.said += data[: _MAX_BYTES - len(self.said)]

    def pipe_connection_lost(self, fd: int, _exc: Exception | None) -> None:
        if fd == 1:
            self.silent.set()

    def process_exited(self) -> None:
        self.exited.set()

    @property
    def first_line(self) -> str:
        """For a message: with a colon before it; empty where it said nothing."""
        lines = self.said.decode(errors="replace").strip().splitlines()
        return f": {plain_text(lines[0])}" if lines else ""


async def _run(arguments: tuple[str, ...], told: bytes, heard: _Conversation) -> int:
    """Its exit status, negative for a signal. Raises OSError."""
    transport, _ = await asyncio.get_running_loop().subprocess_exec(
        lambda: heard,
        *arguments,
        stderr=subprocess.STDOUT,
        env={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
        start_new_session=True,
    )
    try:
        stdin = cast(asyncio.WriteTransport, transport.get_pipe_transport(0))
        stdin.write(told)
        stdin.close()
        await heard.exited.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_WORDS_S):
                await heard.silent.wait()
        return transport.get_returncode() or 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(transport.get_pid(), signal.SIGKILL)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await heard.exited.wait()
        transport.close()

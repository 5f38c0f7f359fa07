"""A Unix socket that listens for `sense`: one task per connection, all cancelled on shutdown."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path

from device.system.peer import check_peer

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class UnixServer:
    """Listens at `path` from `open` to `close` and runs `serve` for each connection of Mien's own processes.

    It keeps the tasks itself: those that asyncio creates for a coroutine function log a traceback when they are
    cancelled (Python 3.11), so every shutdown with an open connection would log one.
    """

    path: Path
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]
    max_line: int = 65_536
    _server: asyncio.Server | None = None
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def open(self) -> None:
        """Bind and listen. Raises OSError."""
        with contextlib.ExitStack() as at_failure:
            listener = at_failure.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
            # The mode is set between bind and listen, so nobody can connect before it.
            listener.bind(str(self.path))
            self.path.chmod(0o660)
            self._server = await asyncio.start_unix_server(self._connect, sock=listener, limit=self.max_line)
            at_failure.pop_all()

    def stop_listening(self) -> None:
        """Accept no further connection."""
        if self._server is not None:
            self._server.close()

    async def close(self) -> None:
        """Stop listening, cancel all connections, wait for them to end, and remove the socket."""
        if self._server is None:
            return
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)
        self._server = None

    def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            check_peer(writer.get_extra_info("socket"))
        except OSError as error:
            _log.warning("%s: a connection was refused: %s", self.path, error)
            writer.transport.abort()
            return
        task = asyncio.create_task(self.serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._disconnect)

    def _disconnect(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failed := task.exception()):
            _log.error("a connection of sense failed; please report this", exc_info=failed)

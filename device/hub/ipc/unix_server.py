"""Who has come to a Unix socket: each is served by a task of its own, and all are sent away at the end."""

import asyncio
import logging
from collections.abc import Callable, Coroutine

_log = logging.getLogger(__name__)

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


class UnixServer:
    """What `asyncio.start_unix_server` calls for each connection.

    A plain function, which keeps its tasks itself: those that asyncio makes of a coroutine function write a traceback
    into the journal when they are cancelled (Python 3.11), as whoever is there when the hub ends would be.
    """

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self._tasks: set[asyncio.Task[None]] = set()

    def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody has come."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._left)

    async def send_away(self) -> None:
        """End all that are there, and wait for it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _left(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (failed := task.exception()):
            _log.error("a connection of sense failed; please report this", exc_info=failed)

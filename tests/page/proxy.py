"""Between page and hub: a line that can die without a word, as a Wi-Fi does."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Line:
    """What is sent over it, and what asks to be let in, waits while it is dead; nobody is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._alive = asyncio.Event()
        self._alive.set()
        self._ends: set[asyncio.StreamWriter] = set()

    def die(self) -> None:
        self._alive.clear()

    def live(self) -> None:
        """Whoever waited on the dead line gets nothing of it; new ones come through."""
        for end in self._ends:
            end.transport.abort()
        self._alive.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for asyncio.start_server."""
        self._ends.add(writer)
        with contextlib.suppress(OSError):
            await self._alive.wait()
            from_hub, to_hub = await asyncio.open_connection("127.0.0.1", self._port)
            self._ends.add(to_hub)
            await asyncio.gather(self._pass(reader, to_hub), self._pass(from_hub, writer))

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                await self._alive.wait()
                writer.write(data)
                await writer.drain()
        finally:
            writer.close()


@contextlib.asynccontextmanager
async def line_to(page: str) -> AsyncIterator[tuple[Line, str]]:
    """A line, and the page's address at its other end."""
    line = Line(urlsplit(page).port or 0)
    async with await asyncio.start_server(line.serve, "127.0.0.1", 0) as server:
        yield line, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        line.live()

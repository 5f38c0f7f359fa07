"""A proxy between page and hub whose connections can die silently, as on a lost Wi-Fi."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from urllib.parse import urlsplit


class Proxy:
    """Passes TCP connections on. While frozen it holds everything back, and tells nobody."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._alive = asyncio.Event()
        self._alive.set()
        self._writers: set[asyncio.StreamWriter] = set()

    def freeze(self) -> None:
        self._alive.clear()

    def resume(self) -> None:
        """Drop the frozen connections; pass new ones on."""
        for writer in self._writers:
            writer.transport.abort()
        self._alive.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, for asyncio.start_server."""
        self._writers.add(writer)
        with contextlib.suppress(OSError):
            await self._alive.wait()
            from_hub, to_hub = await asyncio.open_connection("127.0.0.1", self._port)
            self._writers.add(to_hub)
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
async def proxy_to(page: str) -> AsyncIterator[tuple[Proxy, str]]:
    """A proxy, and the page's address behind it."""
    proxy = Proxy(urlsplit(page).port or 0)
    async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0) as server:
        yield proxy, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        proxy.resume()

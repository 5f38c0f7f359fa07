"""Fake devices of a house: servers on loopback that store a state, check requests, and can fail."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Self

import msgspec
from aiohttp import web

from device.hub.actions.base import Trigger
from device.hub.actions.transport.delivery import Delivery
from tests.hub.hub_running import mood

WHY = Trigger("comfort", "sad 71 % for 5 s", 1_800_000_000.0, mood())
LATER = Trigger("party", "happy 90 % for 5 s", 1_800_000_100.0, mood())


class Clock:
    """A clock that advances when a test says so, or when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept_s: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept_s.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)

    def make_deliveries(self, **limits: Any) -> Callable[..., Delivery]:
        """A factory of deliveries that wait by this clock; `limits` override those of the destination."""

        def make(name: str, **own: Any) -> Delivery:
            return Delivery(name, **(own | limits), clock=self, sleep=self.sleep)

        return make


@dataclass
class Request:
    """One request."""

    time_s: float
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


@dataclass
class Peer:
    """An HTTP server. `faults` are its next answers, in place of the normal ones."""

    tls: ssl.SSLContext | None = None
    requests: list[Request] = field(default_factory=list)
    faults: list[web.Response] = field(default_factory=list)
    port: int = 0

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self.tls)
        await site.start()
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def answer(self, _seen: Request) -> web.Response:
        """The normal answer."""
        return web.Response(text="{}")

    async def _take(self, request: web.Request) -> web.StreamResponse:
        seen = Request(time.monotonic(), request.method, request.path, request.headers, await request.read())
        self.requests.append(seen)
        if self.faults:
            return self.faults.pop(0)
        return await self.answer(seen)


def busy(status: int = 503, **headers: str) -> web.Response:
    return web.Response(status=status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def json_response(document: Any, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), content_type="application/json", status=status)


@contextlib.asynccontextmanager
async def raw(
    *conversations: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[tuple[int, list[float]]]:
    """A TCP server with one scripted conversation for each connection, the last one for all further connections.

    Yields its port, and the times of the connections.
    """
    came_s: list[float] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came_s.append(time.monotonic())
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await conversations[min(len(came_s), len(conversations)) - 1](reader, writer)
        writer.close()

    server = await asyncio.start_server(take, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], came_s
    finally:
        server.close()


def http_reply(head: str, body: bytes = b"") -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    """Sends this answer to each request, and closes."""

    async def reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return reply


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads everything and answers nothing."""
    while await reader.read(65_536):
        pass


async def dropping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads the request, and closes."""
    await reader.read(100)


async def dripping(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Sends an answer that never ends."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)

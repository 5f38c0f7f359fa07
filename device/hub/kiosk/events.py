"""Server-Sent Events: a snapshot at once and at each change. A slow reader skips to the newest, a stuck one goes."""

import asyncio
import contextlib
import itertools
import socket

import msgspec
from aiohttp import web

from device.hub.state import Board

MOST_READERS = 32
RETRY_MS = 1000
"""How soon a browser tries again."""
PING_S = 10.0
LEAST_APART_S = 0.1
"""Ten times a second is more than a person can read."""
STUCK_S = 30.0
"""A reader that has taken nothing for so long is let go."""


async def stream(request: web.Request, board: Board) -> web.StreamResponse:
    """Answer until the reader leaves, is stuck, or the server stops."""
    transport = request.transport
    if transport is None or board.listeners >= MOST_READERS:
        return web.Response(status=503, text="too many readers")
    # The kernel's buffer is kept small, so that a slow reader has few old snapshots in front of the newest.
    end: socket.socket | None = transport.get_extra_info("socket")
    if end is not None:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    # A reader that is gone or stuck is no error: its browser comes back by itself.
    with board.listen() as listener, contextlib.suppress(ConnectionError, TimeoutError):
        await response.prepare(request)
        await response.write(f"retry: {RETRY_MS}\n\n".encode())
        for number in itertools.count(1):
            try:
                async with asyncio.timeout(PING_S):
                    snapshot = await listener.newest()
                text = f"id: {number}\ndata: {msgspec.json.encode(snapshot.as_json()).decode()}\n\n"
            except TimeoutError:
                text = ": ping\n\n"
            await response.write(text.encode())
            await asyncio.sleep(LEAST_APART_S)
            await _taken(transport)
    return response


async def _taken(transport: asyncio.Transport) -> None:
    """Wait until the kernel has everything; what changes meanwhile is skipped. Raises TimeoutError after STUCK_S."""
    async with asyncio.timeout(STUCK_S):
        while transport.get_write_buffer_size() > 0 and not transport.is_closing():  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(LEAST_APART_S)
    if transport.is_closing():
        raise ConnectionResetError

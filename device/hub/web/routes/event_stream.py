"""Server-Sent Events: each change of mood in order, none left out, and beside them the newest snapshot of everything.

A slow reader skips snapshots to the newest one, never a change. One that comes back says which change it had last, and
is told those that it missed; `gap` means that some of them are not known here any more, and that the history has them.
`page` begins each stream: which page this hub serves.
"""

import asyncio
import contextlib
import socket

from aiohttp import web

from device.hub.state.store import StateStore
from device.hub.web.routes import static_files

MAX_READERS = 64
RETRY_MS = 1000
"""How soon a browser tries again."""
PING_S = 10.0
"""An event, since a page never sees a comment; one that hears nothing for 25 s says that it is cut off."""
MIN_APART_S = 0.1
"""Ten times a second is more than a person can read."""
STUCK_S = 30.0
"""A reader that has taken nothing for so long is let go."""


async def stream(request: web.Request, board: StateStore) -> web.StreamResponse:
    """Answer until the reader leaves, is stuck, or the server stops."""
    transport = request.transport
    if transport is None or board.listeners >= MAX_READERS:
        return web.Response(status=503, text="too many readers")
    # The kernel's buffer is kept small, so that a slow reader has few old snapshots in front of the newest.
    end: socket.socket | None = transport.get_extra_info("socket")
    if end is not None:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    # A reader that is gone or stuck is no error: its browser comes back by itself.
    with board.listen() as listener, contextlib.suppress(ConnectionError, TimeoutError):
        sent, beginning = _where_it_was(board, request.headers.get("Last-Event-ID", ""))
        await response.prepare(request)
        await response.write(beginning.encode())
        while True:
            try:
                async with asyncio.timeout(PING_S):
                    snapshot = await listener.newest()
                sent, text = _changes(board, sent)
                text += f"data: {board.text(snapshot)}\n\n"
            except TimeoutError:
                text = _PING
            await response.write(text.encode())
            await asyncio.sleep(MIN_APART_S)
            await _taken(transport)
    return response


def _where_it_was(board: StateStore, last_event_id: str) -> tuple[int, str]:
    """(The number of the change that it had last, how the stream begins)."""
    beginning = f'retry: {RETRY_MS}\n\nevent: page\ndata: "{static_files.BUILD}"\n\n'
    if not last_event_id:
        return board.changes.last, beginning
    number = board.changes.number_of(last_event_id)
    return (board.changes.last, beginning + _GAP) if number is None else (number, beginning)


_GAP = "event: gap\ndata: {}\n\n"
_PING = "event: ping\ndata: {}\n\n"


def _changes(board: StateStore, sent: int) -> tuple[int, str]:
    told, whole = board.changes.after(sent)
    identity = board.changes.identity
    lines = [f"event: change\nid: {identity(one.number)}\ndata: {one.text}\n\n" for one in told]
    return board.changes.last, ("" if whole else _GAP) + "".join(lines)


async def _taken(transport: asyncio.Transport) -> None:
    """Wait until the kernel has everything; what changes meanwhile is skipped. Raises TimeoutError after STUCK_S."""
    async with asyncio.timeout(STUCK_S):
        while transport.get_write_buffer_size() > 0 and not transport.is_closing():  # noqa: ASYNC110 - no event for it
            await asyncio.sleep(MIN_APART_S)
    if transport.is_closing():
        raise ConnectionResetError

"""Server-Sent Events: every change of the mood in order, and the newest snapshot of the whole state.

A slow reader skips snapshots, but never a change. A reader that reconnects sends the ID of its last change and gets
those that it missed. `gap` means that some of them are no longer in memory; the history has them. Each stream begins
with `page`: the version of the page that this hub serves.
"""

import asyncio
import contextlib
import socket

from aiohttp import web

from device.hub.state.store import StateStore
from device.hub.web.limits import LIMITS
from device.hub.web.routes.static_files import BUILD

RETRY_MS = 1000
"""How long a browser waits before it reconnects."""
MIN_INTERVAL_S = 0.1
"""Minimum time between two snapshots. Nobody can read more than ten a second."""
_GAP = "event: gap\ndata: {}\n\n"


async def stream(request: web.Request, store: StateStore) -> web.StreamResponse:
    """Send events until the reader disconnects or is stuck, or the server stops."""
    limits, transport = request.app[LIMITS], request.transport
    if transport is None or store.subscribers >= limits.max_event_readers:
        return web.Response(status=503, text="too many readers")
    # A small kernel buffer, so that few outdated snapshots queue up for a slow reader.
    if connection := transport.get_extra_info("socket"):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    # A reader that is gone or stuck is not an error: its browser reconnects.
    with store.subscribe() as subscription, contextlib.suppress(ConnectionError, TimeoutError):
        sent, preamble = _resume(store, request.app[BUILD], request.headers.get("Last-Event-ID", ""))
        await response.prepare(request)
        await response.write(preamble.encode())
        while True:
            try:
                async with asyncio.timeout(limits.event_ping_interval_s):
                    snapshot = await subscription.newest()
                sent, text = _format_changes(store, sent)
                text += f"data: {store.as_json(snapshot)}\n\n"
            except TimeoutError:
                text = "event: ping\ndata: {}\n\n"
            await response.write(text.encode())
            await asyncio.sleep(MIN_INTERVAL_S)
            await _wait_until_sent(transport, limits.stuck_timeout_s)
    return response


def _resume(store: StateStore, build: str, last_event_id: str) -> tuple[int, str]:
    """(number of the reader's last change, the beginning of the stream)."""
    preamble = f'retry: {RETRY_MS}\n\nevent: page\ndata: "{build}"\n\n'
    if not last_event_id:
        return store.changes.last, preamble
    number = store.changes.parse_id(last_event_id)
    return (store.changes.last, preamble + _GAP) if number is None else (number, preamble)


def _format_changes(store: StateStore, sent: int) -> tuple[int, str]:
    """(number of the newest change, the events of all changes after number `sent`)."""
    changes, is_complete = store.changes.after(sent)
    format_id = store.changes.format_id
    lines = [f"event: change\nid: {format_id(change.number)}\ndata: {change.text}\n\n" for change in changes]
    return store.changes.last, ("" if is_complete else _GAP) + "".join(lines)


async def _wait_until_sent(transport: asyncio.Transport, timeout_s: float) -> None:
    """Wait until the kernel has everything, skipping snapshots until then. Raises TimeoutError for a stuck reader."""
    async with asyncio.timeout(timeout_s):
        while transport.get_write_buffer_size() > 0 and not transport.is_closing():  # noqa: ASYNC110 - there is no event for it
            await asyncio.sleep(MIN_INTERVAL_S)
    if transport.is_closing():
        raise ConnectionResetError

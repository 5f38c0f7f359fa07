"""The live view for the page: a WebSocket that brings pictures while it is open.

Binary: the header's length (4 bytes, big-endian), the header (device/ipc/live_view.py, as JSON), a JPEG. Text: there is
no picture now, {"picture": false, "why": "..."}; what was shown is to be taken away.
"""

import asyncio
import contextlib
import socket

import msgspec
from aiohttp import web

from device.hub.ipc.live_view import LiveViewServer, Subscription
from device.hub.state.snapshot import Snapshot
from device.hub.state.store import StateStore
from device.hub.web.responses import error
from device.ipc.messages import State

MAX_VIEWERS = 8
PING_S = 4.0
"""Half of it later, a phone that did not answer is gone."""
_SEND_BUFFER = 32_768
"""Bytes; the kernel doubles it. Kept small, so that a slow viewer has few old pictures in front of the newest."""
_LOOK_S = 0.02
_WHY_S = 1.0


class LiveRoute:
    """GET /api/live: 403 while the settings keep the view closed, 503 for the ninth who looks."""

    def __init__(self, live: LiveViewServer, board: StateStore) -> None:
        self._live = live
        self._board = board

    def routes(self) -> list[web.RouteDef]:
        """For the server."""
        return [web.get("/api/live", self._look)]

    async def _look(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if not self._live.allowed:
            return error(403, "the live view is off; set kiosk.live_view = true")
        if transport is None or self._live.watchers >= MAX_VIEWERS:
            return error(503, f"{MAX_VIEWERS} look already")
        answer = web.WebSocketResponse(heartbeat=PING_S, compress=False, max_msg_size=1024)
        if not answer.can_prepare(request).ok:
            return error(400, "this is a WebSocket")
        with self._live.looking(request.remote or "somebody") as viewer:
            await answer.prepare(request)
            showing = asyncio.create_task(self._show(answer, viewer, transport))
            try:
                async for _ in answer:  # a viewer says nothing; its pongs, and its leave, are heard here
                    pass
            finally:
                showing.cancel()
                await asyncio.wait([showing])
        return answer

    async def _show(self, answer: web.WebSocketResponse, viewer: Subscription, transport: asyncio.Transport) -> None:
        """Until the viewer leaves or the hub ends."""
        end: socket.socket | None = transport.get_extra_info("socket")
        if end is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        why = picture = None
        with contextlib.suppress(ConnectionError):  # it left; the reading side has seen it too
            while not self._live.closed:
                # Without a picture, the reason may change with nothing else.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if picture else _WHY_S):
                        picture = await viewer.newest()
                if picture:
                    why = None
                    await answer.send_bytes(picture)
                elif not self._live.closed and why != (why := why_none(self._board.now)):
                    await answer.send_str(msgspec.json.encode({"picture": False, "why": why}).decode())
                # What comes meanwhile is skipped; one that takes nothing at all is gone by its ping.
                while transport.get_write_buffer_size() > 0 and not transport.is_closing():  # noqa: ASYNC110
                    await asyncio.sleep(_LOOK_S)
        await answer.close(code=1001)


def why_none(now: Snapshot) -> str:
    """For a person: why there is no picture."""
    health = now.health
    if not now.available or health is None:
        return now.problem or "sense has just come"
    if health.paused:
        return "Mien is paused: the camera is closed"
    if not health.camera_on:
        return "the camera is switched off"
    camera = health.stages.get("camera")
    if camera is not None and camera.state is not State.OK:
        return camera.detail or f"the camera: {camera.state.value}"
    return "no picture has come yet; sense sends them only where its own settings say kiosk.live_view = true"

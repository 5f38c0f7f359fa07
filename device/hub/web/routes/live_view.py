"""The live view for the page: a WebSocket that sends pictures while it is open.

Binary message: the header's length (4 bytes, big-endian), the header (device/ipc/live_view.py, as JSON), a JPEG. Text
message: there is no picture now, {"picture": false, "why": "..."}, and the page should remove the last one.
"""

import asyncio
import contextlib
import socket
from dataclasses import dataclass

import msgspec
from aiohttp import web

from device.hub.ipc.live_view import LiveViewServer
from device.hub.state.snapshot import Snapshot
from device.hub.state.store import StateStore, Subscription
from device.hub.web.limits import LIMITS
from device.hub.web.responses import error
from device.ipc.messages import State

MAX_VIEWERS = 8
_SEND_BUFFER = 32_768
"""Bytes; the kernel doubles it. Small, so that few outdated pictures queue up for a slow viewer."""


@dataclass(frozen=True)
class LiveRoute:
    """GET /api/live: 403 if the settings do not allow the live view, 503 for more than MAX_VIEWERS."""

    live: LiveViewServer
    store: StateStore

    def routes(self) -> list[web.RouteDef]:
        """The routes to add to the server."""
        return [web.get("/api/live", self._get_live)]

    async def _get_live(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        if not self.live.is_allowed:
            return error(403, "the live view is off; set kiosk.live_view = true")
        if transport is None or self.live.watchers >= MAX_VIEWERS:
            return error(503, f"{MAX_VIEWERS} viewers watch already; try again later")
        ping_interval_s = request.app[LIMITS].live_ping_interval_s
        response = web.WebSocketResponse(heartbeat=ping_interval_s, compress=False, max_msg_size=1024)
        if not response.can_prepare(request).ok:
            return error(400, "this address needs a WebSocket")
        with self.live.watch(request.remote or "somebody") as viewer:
            await response.prepare(request)
            sender = asyncio.create_task(self._send_pictures(response, viewer, transport))
            try:
                async for _ in response:  # a viewer sends nothing, but its pongs and its close arrive here
                    pass
            finally:
                sender.cancel()
                await asyncio.wait([sender])
        return response

    async def _send_pictures(
        self, response: web.WebSocketResponse, viewer: Subscription[bytes | None], transport: asyncio.Transport
    ) -> None:
        """Send until the viewer disconnects or the hub stops."""
        if connection := transport.get_extra_info("socket"):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        reason = picture = None
        with contextlib.suppress(ConnectionError):  # it disconnected, which the reading loop notices, too
            while not self.live.is_closed:
                # While there is no picture, look regularly whether the reason has changed.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(None if picture else 1.0):
                        picture = await viewer.newest()
                if picture:
                    reason = None
                    await response.send_bytes(picture)
                elif not self.live.is_closed and reason != (reason := explain_no_picture(self.store.now)):
                    await response.send_str(msgspec.json.encode({"picture": False, "why": reason}).decode())
                # Pictures are skipped meanwhile. The ping disconnects a viewer that reads nothing at all.
                while transport.get_write_buffer_size() > 0 and not transport.is_closing():  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        await response.close(code=1001)


def explain_no_picture(now: Snapshot) -> str:
    """Why there is no picture, for a person."""
    health = now.health
    if not now.available or health is None:
        return now.problem or "the camera service has just started"
    if health.paused:
        return "Mien is paused: the camera is closed"
    if not health.camera_on:
        return "the camera is switched off"
    camera = health.stages.get("camera")
    if camera is not None and camera.state is not State.OK:
        return camera.detail or f"the camera: {camera.state.value}"
    return "no picture has arrived yet; sense sends pictures only if its own settings have kiosk.live_view = true"

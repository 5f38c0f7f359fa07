"""A fake sense at live.sock, and viewers over real WebSockets."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from device.emotions import EMOTIONS, Emotion
from device.hub.hub import Hub
from device.ipc.live_view import Header, SeenFace, packed
from device.settings.schema import Kiosk, Settings

JPEG = b"\xff\xd8\xff" + bytes(500) + b"\xff\xd9"
SHARES = {e: 1.0 if e is Emotion.HAPPY else 0.0 for e in EMOTIONS}
FACE = SeenFace((10.0, 20.0, 90.0, 90.0), 1, Emotion.HAPPY, 1.0, SHARES, 0.5, bytes(range(256)) * 9)


def made(jpeg: bytes = JPEG, faces: int = 1, time_s: float | None = None) -> bytes:
    return packed(Header(640, 480, time.monotonic() if time_s is None else time_s, (FACE,) * faces), jpeg)


def live_sock(settings: Settings) -> Path:
    return settings.runtime_dir / "live.sock"


def opened_house(house: Settings) -> Settings:
    return msgspec.structs.replace(house, kiosk=Kiosk(port=0, live_view=True))


@contextlib.asynccontextmanager
async def looking(hub: Hub, **more: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """One who looks, from this very page."""
    headers = {"Origin": hub.page.rstrip("/")}
    async with (
        aiohttp.ClientSession(**more) as client,
        client.ws_connect(hub.page + "api/live", headers=headers, max_msg_size=0) as viewer,
    ):
        yield viewer


@contextlib.asynccontextmanager
async def line_to(settings: Settings) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(live_sock(settings)))
    try:
        yield reader, writer
    finally:
        writer.close()


async def why(viewer: aiohttp.ClientWebSocketResponse) -> str:
    """The next word that there is no picture."""
    while (message := await viewer.receive(6)).type is not aiohttp.WSMsgType.TEXT:
        assert message.type is aiohttp.WSMsgType.BINARY, message
    said = json.loads(message.data)
    assert said["picture"] is False
    reason: str = said["why"]
    return reason


async def shown(viewer: aiohttp.ClientWebSocketResponse) -> bytes:
    """The next picture."""
    while (message := await viewer.receive(6)).type is not aiohttp.WSMsgType.BINARY:
        assert message.type is aiohttp.WSMsgType.TEXT, message
    picture: bytes = message.data
    return picture


def header_of(picture: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(picture[4 : 4 + int.from_bytes(picture[:4], "big")])
    return header

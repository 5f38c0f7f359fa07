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
from device.ipc.live_view import Header, LiveFace, encode_picture
from device.settings.schema import Kiosk, Settings

JPEG = b"\xff\xd8\xff" + bytes(500) + b"\xff\xd9"
SHARES = {e: 1.0 if e is Emotion.HAPPY else 0.0 for e in EMOTIONS}
FACE = LiveFace((10.0, 20.0, 90.0, 90.0), 1, Emotion.HAPPY, 1.0, SHARES, 0.5, bytes(range(256)) * 9)


def pack_picture(jpeg: bytes = JPEG, faces: int = 1, time_s: float | None = None) -> bytes:
    return encode_picture(Header(640, 480, time.monotonic() if time_s is None else time_s, (FACE,) * faces), jpeg)


def get_live_socket(settings: Settings) -> Path:
    return settings.runtime_dir / "live.sock"


def with_live_view(house: Settings) -> Settings:
    return msgspec.structs.replace(house, kiosk=Kiosk(port=0, live_view=True))


@contextlib.asynccontextmanager
async def watching(hub: Hub, **more: Any) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A viewer, from the hub's own page."""
    headers = {"Origin": hub.page.rstrip("/")}
    async with (
        aiohttp.ClientSession(**more) as client,
        client.ws_connect(hub.page + "api/live", headers=headers, max_msg_size=0) as viewer,
    ):
        yield viewer


@contextlib.asynccontextmanager
async def connect_as_sense(settings: Settings) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(get_live_socket(settings)))
    try:
        yield reader, writer
    finally:
        writer.close()


async def read_reason(viewer: aiohttp.ClientWebSocketResponse) -> str:
    """Wait for the next reason why there is no picture."""
    while (message := await viewer.receive(6)).type is not aiohttp.WSMsgType.TEXT:
        assert message.type is aiohttp.WSMsgType.BINARY, message
    document = json.loads(message.data)
    assert document["picture"] is False
    reason: str = document["why"]
    return reason


async def read_picture(viewer: aiohttp.ClientWebSocketResponse) -> bytes:
    """Wait for the next picture."""
    while (message := await viewer.receive(6)).type is not aiohttp.WSMsgType.BINARY:
        assert message.type is aiohttp.WSMsgType.TEXT, message
    picture: bytes = message.data
    return picture


def parse_header(picture: bytes) -> dict[str, Any]:
    header: dict[str, Any] = json.loads(picture[4 : 4 + int.from_bytes(picture[:4], "big")])
    return header

"""Viewers of the live view: one too many, a slow one, one that vanished."""

import asyncio
import base64
import contextlib
import os
import socket
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest

from device.hub.hub import Hub
from device.hub.web.limits import WebLimits
from device.ipc.messages import Watch
from device.settings.schema import Settings
from tests.hub.hub_running import Sense, run, running, until
from tests.hub.ipc.live_view_setup import (
    JPEG,
    connect_as_sense,
    pack_picture,
    parse_header,
    read_picture,
    read_reason,
    watching,
)


def test_the_ninth_viewer_is_refused_until_one_leaves(open_house: Settings) -> None:
    async def story() -> None:
        async with running(open_house) as hub, contextlib.AsyncExitStack() as there:
            async with contextlib.AsyncExitStack() as most:
                for _ in range(8):
                    await most.enter_async_context(watching(hub))
                await until(lambda: hub.store.now.watchers == 8)
                with pytest.raises(aiohttp.WSServerHandshakeError, match="503"):
                    await there.enter_async_context(watching(hub))
                assert hub.store.now.watchers == 8
            await until(lambda: hub.store.now.watchers == 0, 3)
            await there.enter_async_context(watching(hub))
            await until(lambda: hub.store.now.watchers == 1)

    run(story())


def test_a_request_without_websocket_is_refused_and_not_counted(open_house: Settings) -> None:
    async def story() -> None:
        async with running(open_house) as hub, aiohttp.ClientSession() as client:
            async with client.get(hub.page + "api/live") as answer:
                assert answer.status == 400
                assert "WebSocket" in (await answer.json())["error"]
            assert hub.store.now.watchers == 0

    run(story())


async def opened(hub: Hub, room: int = 0) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A viewer that answers no ping. `room`: the size of its receive buffer, in bytes."""
    end = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if room:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    end.setblocking(False)
    host = hub.page.removeprefix("http://").rstrip("/")
    await asyncio.get_running_loop().sock_connect(end, ("127.0.0.1", int(host.rpartition(":")[2])))
    reader, writer = await asyncio.open_connection(sock=end, limit=4096)
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        f"GET /api/live HTTP/1.1\r\nHost: {host}\r\nOrigin: http://{host}\r\nUpgrade: websocket\r\n"
        f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    assert b" 101 " in await reader.readuntil(b"\r\n\r\n")
    return reader, writer


async def slowly(reader: asyncio.StreamReader, bytes_a_s: float) -> AsyncIterator[bytes]:
    """The pictures that arrive at this speed."""

    async def taken(size: int) -> bytes:
        got = b""
        while len(got) < size:
            piece = await reader.read(min(size - len(got), 4096))
            assert piece
            got += piece
            await asyncio.sleep(len(piece) / bytes_a_s)
        return got

    while True:
        kind, size = await taken(2)
        if size >= 126:
            size = int.from_bytes(await taken(2 if size == 126 else 8), "big")
        content = await taken(size)
        if kind == 0x82:
            yield content


@pytest.mark.parametrize(("size", "bytes_a_s", "oldest_s"), [(15_000, 60_000, 2.7), (60_000, 240_000, 1.2)])
def test_a_slow_viewer_skips_pictures_and_a_fast_one_does_not(
    open_house: Settings, size: int, bytes_a_s: float, oldest_s: float
) -> None:
    jpeg = JPEG[:3] + os.urandom(size).replace(b"\xff", b"\x00") + JPEG[-2:]

    async def story() -> None:
        async with (
            running(open_house) as hub,
            Sense(open_house),
            connect_as_sense(open_house) as (_, line),
            watching(hub) as fast,
        ):
            reader, writer = await opened(hub, room=16_384)
            await until(lambda: hub.store.now.watchers == 2)
            quick, ages = 0, list[float]()

            async def send() -> None:
                while True:
                    line.write(pack_picture(jpeg))
                    await line.drain()
                    await asyncio.sleep(1 / 15)

            async def see() -> None:
                nonlocal quick
                while True:
                    await read_picture(fast)
                    quick += 1

            tasks = [asyncio.create_task(send()), asyncio.create_task(see())]
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(4.5):
                    async for picture in slowly(reader, bytes_a_s):
                        ages += [time.monotonic() - parse_header(picture)["time_s"]]
            for task in tasks:
                task.cancel()
            writer.close()
            print(len(ages), max(ages), quick)
            assert quick > 40
            assert 4 < len(ages) < quick / 2
            assert max(ages) < oldest_s, "what it could not take has been skipped"

    run(story())


def test_a_phone_that_vanished_is_no_longer_counted(open_house: Settings) -> None:
    async def story() -> None:
        async with running(open_house, limits=WebLimits(live_ping_interval_s=1.0)) as hub, Sense(open_house) as sense:
            _, writer = await opened(hub)
            await until(lambda: hub.store.now.watchers == 1)
            await until(lambda: hub.store.now.watchers == 0, 4)  # it keeps its end open, and answers no ping
            await until(lambda: Watch(0.0) in sense.received, 2)
            writer.close()

    run(story())


def test_viewers_are_disconnected_when_the_hub_stops(open_house: Settings) -> None:
    async def story() -> None:
        async with contextlib.AsyncExitStack() as hubs:
            hub = await hubs.enter_async_context(running(open_house))
            async with watching(hub) as viewer:
                await read_reason(viewer)
                begun_s = time.monotonic()
                ending = asyncio.create_task(hubs.aclose())
                message = await viewer.receive(5)
                assert message.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
                assert viewer.close_code == 1001
                await ending
                assert time.monotonic() - begun_s < 3

    run(story())

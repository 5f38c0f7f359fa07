"""The hub's end of the live view: a fake sense at live.sock, viewers over real WebSockets."""

import asyncio
import base64
import contextlib
import logging
import socket
import stat
import time
from collections.abc import Iterator

import aiohttp
import msgspec
import pytest

from device.emotions import EMOTIONS
from device.errors import LinkError
from device.ipc.live_view import LENGTHS, Header
from device.ipc.messages import Stage, State, Watch
from device.settings.schema import Kiosk, Settings
from tests.hub.hub_running import WELL, Sense, run, running, state, until
from tests.hub.ipc.live_view_setup import (
    FACE,
    JPEG,
    connect_as_sense,
    get_live_socket,
    pack_picture,
    parse_header,
    read_picture,
    read_reason,
    watching,
)


def pack_raw(head: bytes, jpeg: bytes = JPEG) -> bytes:
    return LENGTHS.pack(len(head), len(jpeg)) + head + jpeg


async def wait_for_reason(viewer: aiohttp.ClientWebSocketResponse, begin: str) -> None:
    while not (await read_reason(viewer)).startswith(begin):
        pass


def test_a_live_view_that_is_off_has_no_socket_and_refuses_viewers(house: Settings) -> None:
    async def story() -> None:
        house.runtime_dir.mkdir(mode=0o700)
        with socket.socket(socket.AF_UNIX) as dead:  # left by a hub that was killed
            dead.bind(str(get_live_socket(house)))
        async with running(house) as hub, Sense(house) as sense, aiohttp.ClientSession() as client:
            assert not get_live_socket(house).exists()
            async with client.get(hub.page + "api/live") as answer:
                assert answer.status == 403
                assert await answer.json() == {"error": "the live view is off; set kiosk.live_view = true"}
            with pytest.raises(aiohttp.WSServerHandshakeError, match="403"):
                await client.ws_connect(hub.page + "api/live")
            assert (await state(hub))["kiosk"]["live_view"] is False
            await asyncio.sleep(1.2)
            assert not [word for word in sense.received if isinstance(word, Watch)]

    run(story())


def test_without_a_page_there_is_no_socket_either(open_house: Settings) -> None:
    settings = msgspec.structs.replace(open_house, kiosk=Kiosk(enabled=False, live_view=True))

    async def story() -> None:
        async with running(settings):
            assert not get_live_socket(settings).exists()

    run(story())


def test_a_picture_arrives_unchanged_and_the_room_sees_the_watchers(
    open_house: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        async with running(open_house) as hub, Sense(open_house) as sense:
            assert stat.S_IMODE(get_live_socket(open_house).stat().st_mode) == 0o660
            assert (await state(hub))["kiosk"]["watchers"] == 0
            async with connect_as_sense(open_house) as (_, line), watching(hub) as viewer:
                await until(lambda: Watch(2.5) in sense.received)
                assert (await state(hub))["kiosk"]["watchers"] == 1
                sent = pack_picture()
                line.write(sent)
                picture = await read_picture(viewer)
                assert picture == sent[:4] + sent[8:]
                (face,) = parse_header(picture)["faces"]
                assert base64.b64decode(face["crop"]) == FACE.crop
                assert set(face["probabilities"]) == {e.value for e in EMOTIONS}
                async with watching(hub) as second:
                    assert await read_picture(second) == picture, "the newest at once"
                    assert (await state(hub))["kiosk"]["watchers"] == 2
                count = len([word for word in sense.received if word == Watch(2.5)])
                await asyncio.sleep(2.2)
                assert len([word for word in sense.received if word == Watch(2.5)]) >= count + 2, "it is renewed"
            await until(lambda: sense.received[-1:] == [Watch(0.0)] or Watch(0.0) in sense.received, 1)
            assert (await state(hub))["kiosk"]["watchers"] == 0
            assert hub.live_view.picture is None
            before = len([word for word in sense.received if isinstance(word, Watch)])
            await asyncio.sleep(1.3)
            assert len([word for word in sense.received if isinstance(word, Watch)]) == before, "nobody watches"
        assert not get_live_socket(open_house).exists()

    run(story())
    assert "127.0.0.1 watches the live view; 1 watching" in caplog.text
    assert "127.0.0.1 no longer watches the live view; 0 watching" in caplog.text


def broken() -> Iterator[tuple[str, bytes]]:
    head = msgspec.json.encode(Header(640, 480, 1.0, (FACE,)))
    yield "header too long", LENGTHS.pack(65_537, 10)
    yield "JPEG too long", LENGTHS.pack(10, 1_048_577)
    yield "lengths of 4 GB", b"\xff" * 8
    yield "no header", LENGTHS.pack(0, 10)
    yield "no JPEG", LENGTHS.pack(10, 0)
    yield "no JSON", pack_raw(b"\xff" * 40)
    yield "JSON nested too deeply", pack_raw(b"[" * 60_000)
    yield "another JSON", pack_raw(b'{"width": 640}')
    yield "an unknown field", pack_raw(head[:-1] + b',"sound":"AAAA"}')
    yield "a width of nothing", pack_raw(head.replace(b'"width":640', b'"width":0'))
    yield "a crop that is short", pack_raw(head.replace(b'"crop":"AAEC', b'"crop":"'))
    yield "an unknown emotion", pack_raw(head.replace(b'"emotion":"happy"', b'"emotion":"bored"'))
    yield "a share over 1", pack_raw(head.replace(b'"confidence":1.0', b'"confidence":1.5'))
    yield "nine faces", pack_raw(msgspec.json.encode(Header(640, 480, 1.0, (FACE,) * 9)))
    yield "no JPEG but HTML", pack_raw(head, b"<html></html>")
    yield "a JPEG that was cut", pack_raw(head, JPEG[:-2])
    yield "HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize("sent", [pytest.param(sent, id=name) for name, sent in broken()])
def test_a_malformed_picture_closes_the_connection_with_one_log_line(
    open_house: Settings, sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with running(open_house) as hub, Sense(open_house), watching(hub) as viewer:
            async with connect_as_sense(open_house) as (reader, line):
                line.write(sent)
                with contextlib.suppress(ConnectionResetError):
                    assert await asyncio.wait_for(reader.read(), 2) == b""
            async with connect_as_sense(open_house) as (_, line):
                line.write(pack_picture())
                assert parse_header(await read_picture(viewer))["width"] == 640

    run(story())
    lines = [r.getMessage() for r in caplog.records if r.name == "device.hub.ipc.live_view"]
    assert len(lines) == 1, lines
    assert lines[0].startswith("live view: the connection was closed: ")
    assert len(lines[0]) < 300
    assert "Traceback" not in caplog.text


def test_only_one_sense_is_served_and_a_silent_connection_does_not_block_it(open_house: Settings) -> None:
    async def story() -> None:
        async with running(open_house) as hub, Sense(open_house), watching(hub) as viewer:
            hub.live_view.first_picture_s = 0.5
            async with connect_as_sense(open_house) as (silent, _), connect_as_sense(open_house) as (_, line):
                line.write(pack_picture(time_s=1.0))
                assert parse_header(await read_picture(viewer))["time_s"] == 1.0
                async with connect_as_sense(open_house) as (second, other):
                    other.write(pack_picture(time_s=2.0))
                    with contextlib.suppress(ConnectionResetError):
                        assert await asyncio.wait_for(second.read(), 2) == b""
                assert await asyncio.wait_for(silent.read(), 2) == b""
                line.write(pack_picture(time_s=3.0))
                assert parse_header(await read_picture(viewer))["time_s"] == 3.0

    run(story())


def test_the_page_gets_the_reason_for_a_missing_picture(open_house: Settings) -> None:
    async def story() -> None:
        async with running(open_house) as hub, watching(hub) as viewer:
            await wait_for_reason(viewer, "sense has not connected yet")
            async with Sense(open_house) as sense:
                await wait_for_reason(viewer, "no picture has arrived yet")
                async with connect_as_sense(open_house) as (_, line):
                    line.write(pack_picture())
                    await read_picture(viewer)
                    sense.health = msgspec.structs.replace(WELL, paused=True)
                    await until(lambda: hub.store.now.health == sense.health)
                await wait_for_reason(viewer, "Mien is paused")
                sense.health = msgspec.structs.replace(WELL, camera_on=False)
                await wait_for_reason(viewer, "the camera is switched off")
                lost = {"camera": Stage(State.LOST, "no camera found")}
                sense.health = msgspec.structs.replace(WELL, stages=lost)
                await wait_for_reason(viewer, "no camera found")
            await wait_for_reason(viewer, "sense is away")

    run(story())


def test_an_old_picture_is_removed(open_house: Settings) -> None:
    async def story() -> None:
        async with (
            running(open_house) as hub,
            Sense(open_house),
            connect_as_sense(open_house) as (_, line),
            watching(hub) as viewer,
        ):
            line.write(pack_picture())
            await read_picture(viewer)
            start_s = time.monotonic()
            assert await read_reason(viewer)
            assert time.monotonic() - start_s < 3
            async with watching(hub) as second:
                assert await read_reason(second)

    run(story())


def test_a_file_in_place_of_the_socket_is_a_clear_error(open_house: Settings) -> None:
    open_house.runtime_dir.mkdir(mode=0o700)
    get_live_socket(open_house).write_text("not a socket")

    async def story() -> None:
        async with running(open_house):
            pass

    with pytest.raises(LinkError, match=r"live\.sock: cannot listen here"):
        run(story())
    assert get_live_socket(open_house).read_text() == "not a socket"

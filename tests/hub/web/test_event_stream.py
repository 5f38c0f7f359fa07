"""The event stream over real HTTP: readers get the newest snapshot, and stuck ones are disconnected."""

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp

from device.emotions import Emotion
from device.hub.web.limits import WebLimits
from device.hub.web.routes import event_stream, static_files
from device.settings.schema import Settings
from tests.hub.hub_running import Sense, mood, run, running, until
from tests.hub.web.client import ask


async def messages(answer: aiohttp.ClientResponse) -> AsyncIterator[dict[str, str]]:
    """The fields of each event, until the stream ends."""
    fields: dict[str, str] = {}
    async for raw in answer.content:
        line = raw.decode().rstrip("\n")
        if not line and fields:
            yield fields
            fields = {}
        elif line:
            name, _, value = line.partition(": " if not line.startswith(":") else ":")
            fields[name] = value


def test_events_begin_with_a_snapshot_and_follow_every_change(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, aiohttp.ClientSession() as client:
            assert hub.web
            async with client.get(hub.page + "api/events") as answer:
                assert answer.headers["Content-Type"] == "text/event-stream"
                stream = messages(answer)
                assert await anext(stream) == {"retry": "1000"}
                assert await anext(stream) == {"event": "page", "data": f'"{hub.web.build}"'}
                first = await anext(stream)
                assert json.loads(first["data"])["mood"] is None
                async with Sense(house) as sense:
                    sense.change(mood(Emotion.HAPPY))
                    async for event in stream:
                        if "event" in event:
                            continue  # the change itself; the snapshot follows
                        if (json.loads(event["data"])["mood"] or {}).get("emotion") == "happy":
                            break
                    assert hub.store.subscribers == 1
                async for event in stream:
                    document = json.loads(event["data"])
                    if not document["sense"]["available"]:
                        break
                assert document["mood"] is None
                assert document["last_mood"]["emotion"] == "happy"
                assert document["age_s"] < 5
            await until(lambda: hub.store.subscribers == 0)

    run(story())


def test_a_changed_page_has_another_version(tmp_path: Path) -> None:
    one, two = tmp_path / "one.js", tmp_path / "two.js"
    one.write_text("a")
    two.write_text("b")
    before = static_files.hash_files([one, two])
    assert re.fullmatch(r"[0-9a-f]{16}", before)
    assert static_files.hash_files([one, two]) == before
    two.write_text("c")
    assert static_files.hash_files([one, two]) != before


def test_a_quiet_room_is_pinged(house: Settings) -> None:
    async def story() -> None:
        async with (
            running(house, limits=WebLimits(event_ping_interval_s=0.2)) as hub,
            aiohttp.ClientSession() as client,
            client.get(hub.page + "api/events") as answer,
        ):
            stream = messages(answer)
            got = [await anext(stream) for _ in range(5)]
            assert got[-1] == {"event": "ping", "data": "{}"}, "a browser never shows a comment to the page"

    run(story())


def test_a_slow_reader_gets_only_the_newest_snapshot(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            port = int(hub.page.rsplit(":", 1)[1].rstrip("/"))
            slow = socket.socket()
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.connect(("127.0.0.1", port))
            slow.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            slow.setblocking(False)
            await until(lambda: hub.store.subscribers == 1)
            changes = 40
            for number in range(changes):  # 4 s of changes at the rate of the page
                hub.store.change(lamp={"number": number, "padding": "x" * 5000})
                await asyncio.sleep(event_stream.MIN_INTERVAL_S)
            loop = asyncio.get_running_loop()
            reader, writer = await asyncio.open_connection(sock=slow)
            seen: list[int] = []
            async with asyncio.timeout(10):
                while not seen or seen[-1] != changes - 1:
                    line = await reader.readline()
                    if line.startswith(b"event:"):
                        await reader.readline()  # its data: no snapshot
                    elif line.startswith(b"data:"):
                        seen.append(json.loads(line[5:])["lamp"].get("number", -1))
            assert seen == sorted(seen)
            assert len(seen) < changes / 2, "what lay between was skipped"
            writer.close()
            assert loop.is_running()

    run(story())


def test_a_stuck_reader_is_disconnected(house: Settings) -> None:
    async def story() -> None:
        async with running(house, limits=WebLimits(stuck_timeout_s=0.5)) as hub:
            port = int(hub.page.rsplit(":", 1)[1].rstrip("/"))
            with socket.socket() as stuck:
                stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                stuck.connect(("127.0.0.1", port))
                stuck.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
                await until(lambda: hub.store.subscribers == 1)
                for number in range(200):
                    hub.store.change(lamp={"number": number, "padding": "x" * 20_000})
                    await asyncio.sleep(0.02)
                await until(lambda: hub.store.subscribers == 0)

    run(story())


def test_too_many_readers_are_refused(house: Settings) -> None:
    async def story() -> None:
        async with (
            running(house, limits=WebLimits(max_event_readers=1)) as hub,
            aiohttp.ClientSession() as client,
            client.get(hub.page + "api/events") as answer,
        ):
            assert answer.status == 200
            await until(lambda: hub.store.subscribers == 1)
            assert (await ask("GET", hub.page + "api/events"))[0] == 503

    run(story())

    run(story())

"""Limits for the network: rate, size and speed of requests, and the number of connections."""

import asyncio
import contextlib
import gzip
import logging
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from device.hub.web.limits import WebLimits
from device.settings.schema import Settings
from tests.hub.hub_running import run, running, until
from tests.hub.web.builders import (
    ask,
    format_request,
    get_port,
    log_in,
    network_origin,
    open_to_network,
    own_address,
    parse_status,
    send_raw,
)

# -- how often, how much, how slowly


def test_requests_from_the_network_are_limited(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            there = network_origin(hub)
            headers = {"Cookie": await log_in(there)}
            async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as client:

                async def status(url: str) -> tuple[int, str]:
                    async with client.get(url, headers=headers) as answer:
                        return answer.status, answer.headers.get("Retry-After", "")

                got = [await status(there + "/page.css") for _ in range(200)]
                assert (200, "") in got
                assert (429, "1") in got
                assert all(one == 200 for one, _ in [await status(hub.page + "page.css") for _ in range(200)])
                await asyncio.sleep(1)
                assert (await status(there + "/page.css"))[0] == 200

    run(story())


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /api/state HTTP/1.1\r\nHost: localhost\r\nX-A: "])
@pytest.mark.parametrize("before", [False, True])
def test_a_client_that_sends_headers_slowly_is_disconnected(
    house: Settings, short: Path, sent: bytes, before: bool
) -> None:
    """Neither a byte now and then nor a whole request before makes a difference."""
    limits = WebLimits(keepalive_timeout_s=0.5) if before else WebLimits(headers_timeout_s=0.5)

    async def story() -> None:
        async with running(open_to_network(house, short), limits=limits) as hub:
            address = own_address()
            reader, writer = await asyncio.open_connection(address, get_port(hub))
            if before:
                writer.write(f"GET /login.css HTTP/1.1\r\nHost: {address}\r\n\r\n".encode())
                assert b"200" in await reader.readline()
            writer.write(sent)

            async def trickle() -> None:
                with contextlib.suppress(ConnectionError):
                    while sent:
                        writer.write(b"a")
                        await asyncio.sleep(0.1)

            slowly = asyncio.create_task(trickle())
            began_s = time.monotonic()
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(4):
                    await reader.read(-1)
            assert time.monotonic() - began_s < 3
            slowly.cancel()
            writer.close()

    run(story())


def test_a_stream_is_not_taken_for_a_slow_client(house: Settings) -> None:
    async def story() -> None:
        async with (
            running(house, limits=WebLimits(headers_timeout_s=0.2, keepalive_timeout_s=0.2)) as hub,
            aiohttp.ClientSession() as client,
            client.get(hub.page + "api/events") as answer,
        ):
            await asyncio.sleep(1)
            hub.store.change(problem="now")
            async for line in answer.content:
                if b'"now"' in line:
                    break

    run(story())


@pytest.mark.parametrize("kind", ["Content-Length: 50", "Transfer-Encoding: chunked"])
def test_a_client_that_sends_a_body_slowly_is_disconnected(house: Settings, short: Path, kind: str) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short), limits=WebLimits(body_timeout_s=0.3)) as hub:
            for address in ("127.0.0.1", own_address()):
                sent = format_request("/login", address, "Content-Type: application/json", kind, method="POST")
                sent += b'5\r\n{"pas\r\n' if "chunked" in kind else b'{"pas'
                began_s = time.monotonic()
                assert parse_status(await send_raw(address, get_port(hub), sent)) == 408
                assert time.monotonic() - began_s < 4

    run(story())


def test_large_requests_are_refused(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            for address in ("127.0.0.1", own_address()):
                port = get_port(hub)

                async def status(sent: bytes, address: str = address, port: int = port) -> int:
                    return parse_status(await send_raw(address, port, sent))

                kind = "Content-Type: application/json"
                body = b" " * 5000
                sent = format_request("/login", address, kind, "Content-Length: 5000", method="POST") + body
                assert await status(sent) == 413
                chunked = format_request("/login", address, kind, "Transfer-Encoding: chunked", method="POST")
                assert await status(chunked + b"1388\r\n" + body + b"\r\n0\r\n\r\n") == 413
                assert await status(format_request("/" + "a" * 20_000, address)) in (400, 414, 431)
                assert await status(format_request("/login", address, "X-Long: " + "a" * 20_000)) in (400, 431)
                assert await status(format_request("/login", address, *(f"X-{n}: a" for n in range(200)))) in (400, 431)
                assert await status(format_request("/login.css", address)) == 200

    run(story())


def test_a_body_is_never_decompressed(house: Settings, short: Path) -> None:
    body = gzip.compress(b'{"password": "calm lamps"}')

    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
            assert (await ask("POST", network_origin(hub) + "/login", data=body, headers=headers))[0] == 400

    run(story())


def test_a_truncated_body_logs_no_error(house: Settings, short: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short), limits=WebLimits(body_timeout_s=0.5)) as hub:
            address = own_address()
            # aiohttp's parser in C does not tell that a chunk is none: then the body just never comes.
            for rest, expected in ((b"evil\r\n", b"HTTP/1.1 40"), (b"5\r\nev", b"")):
                reader, writer = await asyncio.open_connection(address, get_port(hub))
                writer.write(format_request("/login", address, "Transfer-Encoding: chunked", method="POST"))
                await asyncio.sleep(0.2)
                writer.write(rest)
                if expected:
                    assert (await reader.readline()).startswith(expected)
                writer.close()
            await asyncio.sleep(0.3)

    with caplog.at_level(logging.INFO):
        run(story())
    assert not [record for record in caplog.records if record.exc_info]


def test_connections_are_bounded_and_this_device_is_never_locked_out(house: Settings, short: Path) -> None:
    address = own_address()

    async def served(hub: Any) -> bool:
        return parse_status(await send_raw(address, get_port(hub), format_request("/login.css", address))) == 200

    async def story(limits: WebLimits) -> None:
        async with running(open_to_network(house, short), limits=limits) as hub:
            idle = [await asyncio.open_connection(address, get_port(hub)) for _ in range(5)]
            await asyncio.sleep(0.2)
            assert not await served(hub)
            assert (await ask("GET", hub.page + "api/state"))[0] == 200
            idle.pop()[1].close()
            await until(lambda: served(hub))
            for _, writer in idle:
                writer.close()
            await asyncio.sleep(0.2)
            assert all([await served(hub) for _ in range(20)])

    run(story(WebLimits(max_per_address=5)))
    run(story(WebLimits(max_network=5)))

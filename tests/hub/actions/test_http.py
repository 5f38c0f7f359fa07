"""Network faults with real sockets, through a WLED strip, the simplest destination with HTTP."""

import asyncio
import gzip
import time

import pytest
from aiohttp import web

from device.errors import ActionError
from device.hub.actions.transport.http import Http, _parse_retry_after, clean_text
from device.hub.actions.wled import WledStrips
from device.settings.actions.wled import Wled
from tests.hub.actions.peers import (
    WHY,
    Clock,
    Peer,
    busy,
    dripping,
    dropping,
    http_reply,
    json_response,
    raw,
    silent,
)
from tests.hub.conftest import free_port
from tests.hub.hub_running import run

OK = http_reply("HTTP/1.1 200 OK\nContent-Length: 16", b'{"success":true}')


async def get_result(port: int, clock: Clock | None = None, **limits: object) -> str:
    """The result of one action: `done`, or the error."""
    http = Http()
    try:
        strips = WledStrips(http, (clock or Clock()).make_deliveries(per_s=1000.0, **limits))
        await strips.run(Wled(f"127.0.0.1:{port}"), WHY)
    except ActionError as error:
        return str(error)
    finally:
        await http.close()
    return "done"


def test_one_busy_answer_is_not_a_failure() -> None:
    async def story() -> None:
        clock = Clock()
        async with Peer() as peer:
            for status in (429, 502, 503, 504):
                peer.faults = [busy(status)]
                assert await get_result(peer.port, clock) == "done"
            assert len(peer.requests) == 8
            clock.slept_s.clear()
            peer.faults = [busy(429, Retry_After="2")]
            assert await get_result(peer.port, clock) == "done"
            assert clock.slept_s == [2.0]
            peer.faults = [busy(503, Retry_After="86400")]
            assert await get_result(peer.port, clock) == (
                f"WLED {peer.host}: busy (answered 503, asks us to wait 86400 s)"
            )
            peer.faults = [busy(429, Retry_After="soon"), busy(429, Retry_After="-5")]
            assert await get_result(peer.port, clock) == "done"
            assert max(clock.slept_s[1:]) < 1

    run(story())


def test_a_refusal_or_a_redirect_is_not_retried() -> None:
    async def story() -> None:
        async with Peer() as peer, Peer() as elsewhere:
            peer.faults = [busy(400)]
            assert await get_result(peer.port) == f"WLED {peer.host}: refused it (answered 400); is that a WLED?"
            peer.faults = [busy(307, Location=f"http://{elsewhere.host}/")]
            assert "redirects to another address (answered 307), which is not followed" in await get_result(peer.port)
            assert len(peer.requests) == 2
            assert elsewhere.requests == []

    run(story())


def test_an_absent_destination_is_retried_until_the_time_is_up() -> None:
    async def story() -> None:
        port = free_port()
        clock = Clock()
        assert (await get_result(port, clock)).startswith(f"WLED 127.0.0.1:{port}: cannot be reached (Connect")
        assert len(clock.slept_s) >= 4
        assert (
            await get_result(port, Clock(), total_s=0.01)
            == f"WLED 127.0.0.1:{port}: cannot be reached (Connect call failed "
            f"('127.0.0.1', {port}))"
        )

    run(story())


def test_silence_a_dropped_connection_and_a_trickle_are_retried() -> None:
    async def story() -> None:
        for fault in (silent, dripping):
            async with raw(fault, OK) as (port, came_s):
                began_s = time.monotonic()
                assert await get_result(port, attempt_s=0.2) == "done"
                assert 0.2 <= time.monotonic() - began_s < 2
                assert len(came_s) == 2
        half = http_reply("HTTP/1.1 200 OK\nContent-Length: 1000", b'{"on":')
        for broken in (dropping, half):
            async with raw(broken, OK) as (port, came_s):
                assert await get_result(port) == "done"
                assert len(came_s) == 2
            async with raw(broken) as (port, came_s):
                assert (
                    await get_result(port)
                    == f"WLED 127.0.0.1:{port}: the connection broke off; tried {len(came_s)} times"
                )

    run(story())


def test_an_endless_answer_is_not_read() -> None:
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            writer.write(b"10000\r\n" + b"x" * 65_536 + b"\r\n")
            await writer.drain()
            sent += 65_536

    async def story() -> None:
        async with raw(flood) as (port, came_s):
            result = await get_result(port)
            assert result == f"WLED 127.0.0.1:{port}: the answer is longer than 65536 bytes, and was not read"
            assert len(came_s) == 1
        assert sent < 20_000_000

    run(story())


def test_a_compressed_answer_is_not_decompressed() -> None:
    bomb = gzip.compress(b"[" * 5_000_000)
    reply = http_reply(f"HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: {len(bomb)}", bomb)

    async def story() -> None:
        async with raw(reply) as (port, _):
            assert "the answer is not understood" in await get_result(port)
        async with Peer() as peer:
            await get_result(peer.port)
            assert peer.requests[0].headers["Accept-Encoding"] == "identity"

    run(story())


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b'{"error": "many"}',
        b'{"error": {}}',
        b"[" * 60_000,
        b"\xff\xfe",
        b'{"error": 1e99}',
        b"NaN",
    ],
)
def test_an_answer_of_the_wrong_type_is_reported_in_one_line(body: bytes) -> None:
    async def story() -> str:
        async with raw(http_reply(f"HTTP/1.1 200 OK\nContent-Length: {len(body)}", body)) as (port, came_s):
            result = await get_result(port)
            assert len(came_s) == 1
            return result

    result = run(story())
    assert "the answer is not understood" in result
    assert "\n" not in result
    assert len(result) < 300


def test_an_answer_that_is_not_http_is_reported() -> None:
    async def greeting(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.example.com ESMTP\r\n" * 3)
        await writer.drain()
        await reader.read(100)

    async def story() -> None:
        async with raw(greeting) as (port, _):
            assert await get_result(port) == f"WLED 127.0.0.1:{port}: the answer is not valid HTTP"

    run(story())


def test_an_invalid_address_is_reported() -> None:
    async def story() -> None:
        strips = WledStrips(Http())
        with pytest.raises(ActionError, match=r"WLED 1:2:3: not an address"):
            await strips.run(Wled("1:2:3"), WHY)

    run(story())


def test_no_cookie_is_stored() -> None:
    class Baker(Peer):
        async def answer(self, _seen: object) -> web.Response:
            answer = json_response({"success": True})
            answer.set_cookie("taste", "sweet")
            return answer

    async def story() -> None:
        http = Http()
        async with Baker() as peer:
            strips = WledStrips(http)
            await strips.run(Wled(peer.host), WHY)
            await strips.run(Wled(peer.host), WHY)
            assert "Cookie" not in peer.requests[1].headers
            await http.close()
            await strips.run(Wled(peer.host), WHY)
            assert len(peer.requests) == 3
            await http.close()

    run(story())


def test_retry_after_can_be_a_date() -> None:
    from email.utils import formatdate

    assert 3 < _parse_retry_after(formatdate(time.time() + 5, usegmt=True)) <= 5
    assert _parse_retry_after(formatdate(time.time() - 500, usegmt=True)) == 0
    for nonsense in ("", "soon", "-1", "1e9", "٣", "Mon, 99 Foo 2026 00:00:00 GMT"):
        assert _parse_retry_after(nonsense) == 0
    assert _parse_retry_after("9" * 5000) > 1e6


def test_text_from_outside_becomes_one_short_line() -> None:
    assert clean_text("a\nb\x1b[31mc" + "d" * 500) == "a b [31mc" + "d" * 191

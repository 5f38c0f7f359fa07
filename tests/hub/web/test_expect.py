"""`Expect` opens no way around the guard: host check, rate, login, and no traceback for odd bytes."""

import asyncio
import logging
from pathlib import Path

import pytest

from device.settings.schema import Settings
from tests.hub.hub_running import run, running
from tests.hub.web.builders import (
    PASSWORD,
    ask,
    format_request,
    get_port,
    network_origin,
    open_to_network,
    own_address,
    parse_status,
    send_raw,
)

EXPECTED = ("100-continue", "nonsense", "\xff\xfe")


@pytest.mark.parametrize("expected", EXPECTED)
@pytest.mark.parametrize("path", ["/api/state", "/login.css", "/nothing"])
def test_the_guard_comes_first(
    house: Settings, short: Path, path: str, expected: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            address = own_address()
            line = b"Expect: " + expected.encode("latin-1") + b"\r\n\r\n"
            strange = format_request(path, "evil.example")[:-2] + line
            assert parse_status(await send_raw(address, get_port(hub), strange)) == 403, "not a name of this device"
            usual = format_request(path, address)[:-2] + line
            status = {"/login.css": 200}.get(path, 401)
            assert parse_status(await send_raw(address, get_port(hub), usual)) == status

    run(story())
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING and record.exc_info]


def test_requests_that_expect_something_count_for_the_rate(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            address = own_address()
            one = format_request("/api/state", address).replace(b"Connection: close\r\n", b"")[:-2]
            sent = (one + b"Expect: \xff\r\n\r\n") * 150
            got = await send_raw(address, get_port(hub), sent, limit_s=3)
            assert got.count(b"HTTP/1.1 401") <= 120
            assert got.count(b"HTTP/1.1 429") >= 25
            assert b"HTTP/1.1 500" not in got

    run(story())


def test_a_client_that_waits_for_the_permission_to_send_gets_it(house: Settings, short: Path) -> None:
    """As curl does before a long body."""

    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            address = own_address()
            body = f'{{"password": "{PASSWORD}"}}'.encode()
            lines = ("Content-Type: application/json", f"Content-Length: {len(body)}", "Expect: 100-continue")
            reader, writer = await asyncio.open_connection(address, get_port(hub))
            writer.write(format_request("/login", address, *lines, method="POST"))
            async with asyncio.timeout(3):
                assert await reader.readline() == b"HTTP/1.1 100 Continue\r\n"
                await reader.readline()
                writer.write(body)
                assert await reader.readline() == b"HTTP/1.1 200 OK\r\n"
            writer.close()
            there = network_origin(hub)
            answer = await ask("POST", there + "/login", json={"password": PASSWORD}, expect100=True)
            assert answer[0] == 200

    run(story())

"""Where the page listens, whom it takes for the house, and a password's file that cannot be used."""

import asyncio
import json
import logging
import socket
from pathlib import Path

import pytest

from device.errors import MienError
from device.hub.web.request_origin import Client, parse_address, rate_limit_key
from device.settings.schema import Settings
from tests.hub.conftest import free_port
from tests.hub.hub_running import run, running
from tests.hub.web.builders import (
    EVERYWHERE,
    ask,
    from_house,
    get,
    log_in,
    opened,
    own_address,
    port_of,
    quick,
    raw,
    status_of,
)


def test_alone_it_listens_on_loopback_only(house: Settings) -> None:
    address = own_address()

    async def story() -> None:
        async with running(house) as hub:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(address, port_of(hub))

    run(story())


@pytest.mark.parametrize("listen", [EVERYWHERE, "::", "own"])
def test_open_it_asks_the_house_for_the_password_and_this_device_for_none(
    house: Settings, short: Path, listen: str
) -> None:
    address = own_address()

    async def story() -> None:
        async with running(opened(house, short, address if listen == "own" else listen)) as hub:
            assert (await ask("GET", hub.page + "api/state"))[0] == 200
            there = from_house(hub)
            for path in ("/api/state", "/api/events", "/api/history", "/metrics", "/healthz", "/main.js", "/nothing"):
                status, text, headers = await ask("GET", there + path)
                assert status == 401, path
                assert json.loads(text)["error"]
                assert headers["WWW-Authenticate"] == "Bearer"
            status, _, headers = await ask("GET", there + "/", headers={"Accept": "text/html,*/*"})
            assert (status, headers["Location"]) == (303, "/login")
            status, text, _ = await ask("POST", there + "/api/command", json={"feature": "camera", "value": "ON"})
            assert status == 401
            assert (await ask("GET", there + "/api/state", headers={"Cookie": await log_in(there)}))[0] == 200

    run(story())


def test_over_ipv6_too(house: Settings, short: Path) -> None:
    address = own_address(socket.AF_INET6)

    async def story() -> None:
        async with running(opened(house, short, "::")) as hub:
            there = f"http://[{address}]:{port_of(hub)}"
            assert (await ask("GET", there + "/api/state"))[0] == 401
            assert (await ask("GET", there + "/api/state", headers={"Cookie": await log_in(there)}))[0] == 200
            assert (await ask("GET", f"http://[::1]:{port_of(hub)}/api/state"))[0] == 200
            assert (await ask("GET", there + "/login", headers={"Host": f"[::1]:{port_of(hub)}"}))[0] == 403

    run(story())


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "x-real-ip", "Via", "X-Forwarded-Host", "CF-Connecting-IP"]
)
def test_a_proxy_on_this_device_opens_nothing(house: Settings, short: Path, header: str) -> None:
    """Where there is a password it is asked for; where there is none, nobody comes in by a proxy."""

    async def story() -> None:
        through = {header: "127.0.0.1"}
        async with running(house) as hub:
            assert (await ask("GET", hub.page + "api/state", headers=through))[0] == 401
            assert (await ask("POST", hub.page + "login", json={"password": ""}, headers=through))[0] == 403
        async with running(opened(house, short, "127.0.0.1", allowed_hosts=("mien.example",))) as hub:
            assert (await ask("GET", hub.page + "api/state", headers=through))[0] == 401
            through["Host"] = "mien.example"
            cookie = await log_in(hub.page.rstrip("/"), headers={**through, "Origin": "https://mien.example"})
            assert cookie.startswith("__Host-mien="), "the browser speaks TLS with the proxy"
            assert (await ask("GET", hub.page + "api/state", headers={**through, "Cookie": cookie}))[0] == 200
            foreign = {**through, "Cookie": cookie, "Origin": "https://evil.example"}
            assert (await ask("POST", hub.page + "logout", headers=foreign))[0] == 403

    run(story())


@pytest.mark.parametrize(
    ("peer", "own", "local"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("::1", "::1", True),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1", True),
        ("192.0.2.2", "127.0.0.1", False),
        ("127.0.0.1", "192.0.2.2", False),
        ("192.0.2.2", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", False),
        ("::ffff:192.0.2.2", "::ffff:127.0.0.1", False),
        ("", "", False),
    ],
)
def test_both_ends_have_to_be_loopback(peer: str, own: str, local: bool) -> None:
    assert Client(parse_address(peer), parse_address(own), forwarded=False).local is local
    assert not Client(parse_address(peer), parse_address(own), forwarded=True).local


def test_a_network_of_ipv6_counts_as_one() -> None:
    assert rate_limit_key(parse_address("2001:db8::1")) == rate_limit_key(parse_address("2001:db8::ffff:1"))
    assert rate_limit_key(parse_address("2001:db8::1")) != rate_limit_key(parse_address("2001:db8:0:1::1"))
    assert (
        rate_limit_key(parse_address("::ffff:192.0.2.2")) == "192.0.2.2" != rate_limit_key(parse_address("192.0.2.3"))
    )


def test_the_house_may_not_say_that_it_is_this_device(house: Settings, short: Path) -> None:
    address = own_address()

    async def story() -> None:
        async with running(opened(house, short)) as hub:
            for line in ("X-Forwarded-For: 127.0.0.1", "X-Real-IP: ::1", "Forwarded: for=127.0.0.1", "Host: localhost"):
                sent = get("/api/state", f"{address}:{port_of(hub)}", line)
                assert status_of(await raw(address, port_of(hub), sent)) in (400, 401, 403), line

    run(story())


def test_a_port_that_is_taken(house: Settings, short: Path) -> None:
    async def story(settings: Settings) -> None:
        async with running(settings):
            pass

    for listen in (EVERYWHERE, "::", "127.0.0.1"):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(MienError, match=f"port {port}"):
                run(story(opened(house, short, listen, port=port)))


def test_where_the_house_finds_it_is_told_in_the_log(
    house: Settings, short: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def story() -> None:
        async with running(opened(house, short, port=free_port())):
            pass

    with caplog.at_level(logging.INFO):
        run(story())
    assert "http://127.0.0.1:" in caplog.text
    assert "everybody in its network can read" in caplog.text
    assert quick().hash not in caplog.text


# -- the password's file


def test_a_password_file_that_cannot_be_used_is_said_at_the_start(
    house: Settings, short: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = opened(house, short)
    path = Path(settings.kiosk.password_file)

    async def story() -> None:
        async with running(settings):
            pass

    good = path.read_text()
    for text in (
        "calm lamps",
        "",
        "{}",
        '{"salt": "00", "hash": "00"}',
        good.replace("16384", "2"),
        good[:-9],
        "[" * 9,
    ):
        path.write_text(text)
        with pytest.raises(MienError, match=r"no password's hash.*mien kiosk password") as error:
            run(story())
        assert "calm lamps" not in str(error.value)
    path.unlink()
    with pytest.raises(MienError, match=r"cannot be read.*mien kiosk password"):
        run(story())
    path.write_text(good)
    path.chmod(0o644)
    with caplog.at_level(logging.WARNING):
        run(story())
    assert "chmod 600" in caplog.text
    caplog.clear()
    path.chmod(0o640)
    with caplog.at_level(logging.WARNING):
        run(story())
    assert "chmod" not in caplog.text

"""Where the page listens, which clients count as the network, and unusable password files."""

import asyncio
import json
import logging
import socket
from pathlib import Path

import pytest

from device.errors import MienError
from device.hub.web.request_origin import Client, get_limit_keys, parse_address
from device.settings.schema import Settings
from tests.hub.conftest import free_port
from tests.hub.hub_running import run, running
from tests.hub.web.builders import (
    EVERYWHERE,
    ask,
    format_request,
    get_port,
    hash_cheaply,
    log_in,
    network_origin,
    open_to_network,
    own_address,
    parse_status,
    send_raw,
)


def test_by_default_the_page_listens_on_loopback_only(house: Settings) -> None:
    address = own_address()

    async def story() -> None:
        async with running(house) as hub:
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection(address, get_port(hub))

    run(story())


@pytest.mark.parametrize("listen", [EVERYWHERE, "::", "own"])
def test_the_network_needs_the_password_and_this_device_does_not(house: Settings, short: Path, listen: str) -> None:
    address = own_address()

    async def story() -> None:
        async with running(open_to_network(house, short, address if listen == "own" else listen)) as hub:
            assert (await ask("GET", hub.page + "api/state"))[0] == 200
            there = network_origin(hub)
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


def test_the_page_is_served_over_ipv6(house: Settings, short: Path) -> None:
    address = own_address(socket.AF_INET6)

    async def story() -> None:
        async with running(open_to_network(house, short, "::")) as hub:
            there = f"http://[{address}]:{get_port(hub)}"
            assert (await ask("GET", there + "/api/state"))[0] == 401
            assert (await ask("GET", there + "/api/state", headers={"Cookie": await log_in(there)}))[0] == 200
            assert (await ask("GET", f"http://[::1]:{get_port(hub)}/api/state"))[0] == 200
            assert (await ask("GET", there + "/login", headers={"Host": f"[::1]:{get_port(hub)}"}))[0] == 403

    run(story())


@pytest.mark.parametrize(
    "header", ["Forwarded", "X-Forwarded-For", "x-real-ip", "Via", "X-Forwarded-Host", "CF-Connecting-IP"]
)
def test_a_proxy_on_this_device_gives_no_access(house: Settings, short: Path, header: str) -> None:
    """Through a proxy the password is needed; without a password there is no access through a proxy."""

    async def story() -> None:
        through = {header: "127.0.0.1"}
        async with running(house) as hub:
            assert (await ask("GET", hub.page + "api/state", headers=through))[0] == 401
            assert (await ask("POST", hub.page + "login", json={"password": ""}, headers=through))[0] == 403
        async with running(open_to_network(house, short, "127.0.0.1", allowed_hosts=("mien.example",))) as hub:
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
def test_a_local_client_has_loopback_at_both_ends(peer: str, own: str, local: bool) -> None:
    assert Client(parse_address(peer), parse_address(own), forwarded=False).is_local is local
    assert not Client(parse_address(peer), parse_address(own), forwarded=True).is_local


def test_limits_count_each_address_and_each_ipv6_network() -> None:
    keys = get_limit_keys(parse_address("2001:db8::1"))
    assert keys == ("2001:db8::1", "2001:db8::/64")
    assert get_limit_keys(parse_address("2001:db8::ffff:1")).network == keys.network
    assert get_limit_keys(parse_address("2001:db8:0:1::1")).network != keys.network
    assert get_limit_keys(parse_address("::ffff:192.0.2.2")) == ("192.0.2.2", "")


def test_the_network_cannot_pretend_to_be_this_device(house: Settings, short: Path) -> None:
    address = own_address()

    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            for line in ("X-Forwarded-For: 127.0.0.1", "X-Real-IP: ::1", "Forwarded: for=127.0.0.1", "Host: localhost"):
                sent = format_request("/api/state", f"{address}:{get_port(hub)}", line)
                assert parse_status(await send_raw(address, get_port(hub), sent)) in (400, 401, 403), line

    run(story())


def test_a_taken_port_is_reported(house: Settings, short: Path) -> None:
    async def story(settings: Settings) -> None:
        async with running(settings):
            pass

    for listen in (EVERYWHERE, "::", "127.0.0.1"):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with pytest.raises(MienError, match=f"port {port}"):
                run(story(open_to_network(house, short, listen, port=port)))


def test_the_address_for_the_network_is_logged(house: Settings, short: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short, port=free_port())):
            pass

    with caplog.at_level(logging.INFO):
        run(story())
    assert "http://127.0.0.1:" in caplog.text
    assert "everybody in it can intercept" in caplog.text
    assert hash_cheaply().hash not in caplog.text


# -- the password's file


def test_an_unusable_password_file_is_reported_at_startup(
    house: Settings, short: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = open_to_network(house, short)
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
        with pytest.raises(MienError, match=r"does not contain a password's hash.*mien kiosk password") as error:
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

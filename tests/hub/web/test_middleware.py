"""The checks before every route, each with the attack that it stops."""

import socket
from pathlib import Path

import pytest

from device.settings.schema import Settings
from tests.hub.hub_running import run, running
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

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


# -- names


def test_the_network_uses_the_address_or_a_known_name(
    house: Settings, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = own_address()
    monkeypatch.setattr(socket, "gethostname", lambda: "Hall")

    async def story() -> None:
        async with running(open_to_network(house, short, allowed_hosts=("Mien.home",))) as hub:
            port = get_port(hub)

            async def status(*lines: str) -> int:
                sent = "\r\n".join(["GET /login HTTP/1.1", *lines, "Connection: close", "", ""]).encode()
                return parse_status(await send_raw(address, port, sent))

            for name in (address, "mien.home", "MIEN.HOME", "hall", "hall.local"):
                assert await status(f"Host: {name}:{port}") == 200, name
                assert await status(f"Host: {name}") == 200, name
            for name in (
                "evil.example",
                "127.0.0.1",
                "localhost",
                "[::1]",
                "mien.home.evil.example",
                "mien.home.",
                f"evil@{address}",
                f"{address}:x",
                f"{address}:0",
                f"{address}:99999",
                f"{address}:",
                f"{address}:80:80",
                f"[{address}]",
                f"[::ffff:{address}",
                f"{int.from_bytes(socket.inet_aton(address), 'big')}",
                f"{address}/",
                f"{address}#",
                f"{address} evil.example",
                f"{address},evil.example",
                "mien.home\x00",
                "[::ffff:7f00:1]",
                "",
            ):
                assert await status(f"Host: {name}") in (400, 403), name
            assert await status() in (400, 403)
            assert await status(f"Host: {address}", "Host: evil.example") in (400, 403)
            assert await status("Host: evil.example", f"Host: {address}") in (400, 403)
            assert await status(f"Host: {address}", f"Host: {address}") in (400, 403)

    run(story())


def test_a_network_name_gives_no_access_on_this_device(house: Settings, short: Path) -> None:
    """Somebody who controls `mien.home` in the network could lead this device's own browser here (DNS rebinding)."""

    async def story() -> None:
        async with running(open_to_network(house, short, allowed_hosts=("mien.home",))) as hub:
            for host in ("mien.home", f"{socket.gethostname()}.local", own_address()):
                assert (await ask("GET", hub.page + "api/state", headers={"Host": host}))[0] == 403

    run(story())


# -- origins


def test_another_sites_page_cannot_change_anything(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            there = network_origin(hub)
            cookie = {"Cookie": await log_in(there)}
            command = {"json": {"feature": "camera", "value": "ON"}}

            async def post(url: str, **headers: str) -> int:
                return (await ask("POST", url, headers=headers, **command))[0]

            assert await post(there + "/api/command", **cookie, Origin=there) == 409, "sense is away"
            for origin in ("http://evil.example", "null", "", there.replace("http", "https"), there + "0", hub.page):
                assert await post(there + "/api/command", **cookie, Origin=origin) == 403, origin
                assert await post(hub.page + "api/command", Origin=origin) == 403, origin
                for path in ("/api/state", "/login"):
                    headers = {**cookie, "Origin": origin}
                    assert (await ask("GET", there + path, headers=headers))[0] == 403, origin
            assert await post(there + "/api/command", **cookie) == 403, "a browser tells its Origin"
            assert await post(there + "/logout", **cookie) == 403
            assert await post(there + "/api/command", Authorization="Bearer calm lamps") == 409
            assert await post(hub.page + "api/command") == 409
            two = f"Origin: {there}\r\nOrigin: http://evil.example"
            sent = format_request("/logout", there[7:], two, f"Cookie: {cookie['Cookie']}", method="POST")
            assert parse_status(await send_raw(own_address(), get_port(hub), sent)) in (400, 403)

    run(story())


def test_another_sites_page_cannot_open_a_websocket(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            there = network_origin(hub)
            cookie = {"Cookie": await log_in(there)}

            async def upgrade(url: str, **headers: str) -> int:
                return (await ask("GET", url, headers={**UPGRADE, **headers}))[0]

            # An unknown path: who passes the guard is told that there is nothing.
            assert await upgrade(there + "/api/none", **cookie, Origin=there) == 404
            assert await upgrade(there + "/api/none", Authorization="Bearer calm lamps") == 404
            assert await upgrade(hub.page + "api/none") == 404
            assert await upgrade(hub.page + "api/none", Origin=hub.page.rstrip("/")) == 404
            for origin in ("http://evil.example", "null", "ws" + there[4:]):
                assert await upgrade(there + "/api/none", **cookie, Origin=origin) == 403
                assert await upgrade(hub.page + "api/none", Origin=origin) == 403
            assert await upgrade(there + "/api/none", **cookie) == 403
            mixed = {**UPGRADE, "Connection": "keep-alive, uPgrade"}
            assert (await ask("GET", there + "/api/none", headers={**mixed, **cookie}))[0] == 403
            assert await upgrade(there + "/api/none") == 401

    run(story())


@pytest.mark.parametrize("where", ["cross-site", "same-site", "nonsense", ""])
def test_requests_that_a_browser_marks_as_cross_site_are_refused(house: Settings, where: str) -> None:
    async def story() -> None:
        async with running(house) as hub:

            async def status(path: str, method: str = "GET", **more: str) -> int:
                headers = {"Sec-Fetch-Site": where, **{f"Sec-Fetch-{name}": value for name, value in more.items()}}
                return (await ask(method, hub.page + path, headers=headers))[0]

            assert await status("api/state") == 403
            assert await status("main.js", Mode="no-cors", Dest="script") == 403
            assert await status("", Mode="navigate", Dest="iframe") == 403
            assert await status("api/state", Mode="navigate", Dest="document") == 403
            assert await status("login", "POST", Mode="navigate", Dest="document") == 403
            assert await status("", Mode="navigate", Dest="document") == 200, "a link to the page"
            for ours in ("same-origin", "none"):
                assert (await ask("GET", hub.page + "api/state", headers={"Sec-Fetch-Site": ours}))[0] == 200

    run(story())


# -- what a browser is told


def test_every_answer_has_the_security_headers(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            there, port = network_origin(hub), get_port(hub)
            for url, more, status in (
                (hub.page, {}, 200),
                (hub.page + "api/state", {}, 200),
                (hub.page + "nothing", {}, 404),
                (hub.page, {"headers": {"Host": "evil.example"}}, 403),
                (hub.page, {"headers": {"Expect": "nonsense"}}, 200),
                (there + "/api/state", {}, 401),
                (there + "/", {"headers": {"Accept": "text/html"}}, 303),
            ):
                got, _, headers = await ask("GET", url, **more)
                assert got == status
                policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
                assert policy == {
                    "default-src": "'none'",
                    "script-src": "'self'",
                    "style-src": "'self'",
                    "img-src": "'self' data: blob:",
                    "connect-src": "'self'",
                    "form-action": "'none'",
                    "frame-ancestors": "'none'",
                    "base-uri": "'none'",
                }
                assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
                assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
                assert headers["Permissions-Policy"] == "camera=(), microphone=(), geolocation=()"
                assert headers["X-Content-Type-Options"] == "nosniff"
                assert headers["Referrer-Policy"] == "no-referrer"
                assert headers["Cache-Control"] == "no-store"
                assert headers["Server"] == "Mien"
                assert "Access-Control-Allow-Origin" not in headers
                assert "Strict-Transport-Security" not in headers
            assert (await ask("GET", hub.page + "page.css"))[2]["Cache-Control"] == "no-cache"
            answer = await send_raw("127.0.0.1", port, b"nonsense\r\n\r\n")
            for line in (b"Server: Mien", b"X-Content-Type-Options: nosniff", b"Cache-Control: no-store"):
                assert line in answer
            assert b"Python" not in answer

    run(story())

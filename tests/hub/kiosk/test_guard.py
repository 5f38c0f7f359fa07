"""The walls in front of every route, each with the attack that it stops."""

import asyncio
import contextlib
import gzip
import logging
import socket
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from device.hub.kiosk import connections, guard
from device.hub.kiosk.rates import MOST_ADDRESSES, Rates, TooManyError, Tries
from device.settings import Settings
from tests.hub.helpers import run, running, until
from tests.hub.kiosk.house import ask, from_house, get, log_in, opened, own_address, port_of, raw, status_of

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


# -- names


def test_the_house_asks_by_the_address_or_a_known_name(
    house: Settings, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = own_address()
    monkeypatch.setattr(socket, "gethostname", lambda: "Hall")

    async def story() -> None:
        async with running(opened(house, short, names=("Mien.home",))) as hub:
            port = port_of(hub)

            async def status(*lines: str) -> int:
                sent = "\r\n".join(["GET /login HTTP/1.1", *lines, "Connection: close", "", ""]).encode()
                return status_of(await raw(address, port, sent))

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


def test_a_name_of_the_house_opens_nothing_on_this_device(house: Settings, short: Path) -> None:
    """Who answers for `mien.home` in the house's network could lead this device's browser to itself by it."""

    async def story() -> None:
        async with running(opened(house, short, names=("mien.home",))) as hub:
            for host in ("mien.home", f"{socket.gethostname()}.local", own_address()):
                assert (await ask("GET", hub.page + "api/state", headers={"Host": host}))[0] == 403

    run(story())


# -- origins


def test_a_foreign_page_changes_nothing(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(opened(house, short)) as hub:
            there = from_house(hub)
            cookie = {"Cookie": await log_in(there)}
            command = {"json": {"feature": "camera", "value": "OFF"}}

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
            sent = get("/logout", there[7:], two, f"Cookie: {cookie['Cookie']}", method="POST")
            assert status_of(await raw(own_address(), port_of(hub), sent)) in (400, 403)

    run(story())


def test_a_foreign_page_opens_no_websocket(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(opened(house, short)) as hub:
            there = from_house(hub)
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
def test_a_browser_that_tells_of_another_site_is_refused(house: Settings, where: str) -> None:
    async def story() -> None:
        async with running(house) as hub:

            async def status(path: str, method: str = "GET", **more: str) -> int:
                headers = {"Sec-Fetch-Site": where, **{f"Sec-Fetch-{name}": value for name, value in more.items()}}
                return (await ask(method, hub.page + path, headers=headers))[0]

            assert await status("api/state") == 403
            assert await status("page.js", Mode="no-cors", Dest="script") == 403
            assert await status("", Mode="navigate", Dest="iframe") == 403
            assert await status("api/state", Mode="navigate", Dest="document") == 403
            assert await status("login", "POST", Mode="navigate", Dest="document") == 403
            assert await status("", Mode="navigate", Dest="document") == 200, "a link to the page"
            for ours in ("same-origin", "none"):
                assert (await ask("GET", hub.page + "api/state", headers={"Sec-Fetch-Site": ours}))[0] == 200

    run(story())


# -- what a browser is told


def test_every_answer_tells_the_browser_to_keep_to_this_page(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(opened(house, short)) as hub:
            there, port = from_house(hub), port_of(hub)
            for url, more, status in (
                (hub.page, {}, 200),
                (hub.page + "api/state", {}, 200),
                (hub.page + "nothing", {}, 404),
                (hub.page, {"headers": {"Host": "evil.example"}}, 403),
                (hub.page, {"headers": {"Expect": "nonsense"}}, 417),
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
            answer = await raw("127.0.0.1", port, b"nonsense\r\n\r\n")
            for line in (b"Server: Mien", b"X-Content-Type-Options: nosniff", b"Cache-Control: no-store"):
                assert line in answer
            assert b"Python" not in answer

    run(story())


# -- how often, how much, how slowly


def test_the_house_may_ask_often_but_not_endlessly(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(opened(house, short)) as hub:
            there = from_house(hub)
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


def test_limits_remember_a_bounded_number_of_addresses() -> None:
    now_s = 0.0
    rates = Rates(1, 2, now=lambda: now_s)
    for number in range(MOST_ADDRESSES + 50):
        rates.take(str(number))
    assert len(rates) == MOST_ADDRESSES
    rates.take("x")
    rates.take("x")
    with pytest.raises(TooManyError):
        rates.take("x")
    now_s = 1.1
    rates.take("x")

    now_s = 0.0
    tries = Tries(each=2, overall=4, window_s=60, now=lambda: now_s)
    for address in ("a", "a", "b", "c"):
        tries.begin(address)
    for address in ("a", "d"):
        with pytest.raises(TooManyError, match="60 s"):
            tries.begin(address)
    tries.look("d")
    tries.right("a")
    tries.begin("d")
    now_s = 60.0
    for address in ("a", "a", "b", "b"):
        tries.begin(address)


@pytest.mark.parametrize("sent", [b"", b"GET / HT", b"GET /api/state HTTP/1.1\r\nHost: localhost\r\nX-A: "])
@pytest.mark.parametrize("before", [False, True])
def test_who_sends_headers_slowly_is_cut_off(
    house: Settings, short: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes, before: bool
) -> None:
    """A byte now and then does not help, and neither does a whole request before."""
    monkeypatch.setattr(connections, "KEEPALIVE_S" if before else "HEADERS_S", 0.5)

    async def story() -> None:
        async with running(opened(house, short)) as hub:
            address = own_address()
            reader, writer = await asyncio.open_connection(address, port_of(hub))
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


def test_a_stream_is_no_slow_client(house: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEADERS_S", 0.2)
    monkeypatch.setattr(connections, "KEEPALIVE_S", 0.2)

    async def story() -> None:
        async with (
            running(house) as hub,
            aiohttp.ClientSession() as client,
            client.get(hub.page + "api/events") as answer,
        ):
            await asyncio.sleep(1)
            hub.board.change(problem="now")
            async for line in answer.content:
                if b'"now"' in line:
                    break

    run(story())


@pytest.mark.parametrize("kind", ["Content-Length: 50", "Transfer-Encoding: chunked"])
def test_who_sends_a_body_slowly_is_cut_off(
    house: Settings, short: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.3)

    async def story() -> None:
        async with running(opened(house, short)) as hub:
            for address in ("127.0.0.1", own_address()):
                sent = get("/login", address, "Content-Type: application/json", kind, method="POST")
                sent += b'5\r\n{"pas\r\n' if "chunked" in kind else b'{"pas'
                began_s = time.monotonic()
                assert status_of(await raw(address, port_of(hub), sent)) == 408
                assert time.monotonic() - began_s < 4

    run(story())


def test_too_much_is_refused(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(opened(house, short)) as hub:
            for address in ("127.0.0.1", own_address()):
                port = port_of(hub)

                async def status(sent: bytes, address: str = address, port: int = port) -> int:
                    return status_of(await raw(address, port, sent))

                kind = "Content-Type: application/json"
                body = b" " * 5000
                sent = get("/login", address, kind, "Content-Length: 5000", method="POST") + body
                assert await status(sent) == 413
                chunked = get("/login", address, kind, "Transfer-Encoding: chunked", method="POST")
                assert await status(chunked + b"1388\r\n" + body + b"\r\n0\r\n\r\n") == 413
                assert await status(get("/" + "a" * 20_000, address)) in (400, 414, 431)
                assert await status(get("/login", address, "X-Long: " + "a" * 20_000)) in (400, 431)
                assert await status(get("/login", address, *(f"X-{n}: a" for n in range(200)))) in (400, 431)
                assert await status(get("/login.css", address)) == 200

    run(story())


def test_a_body_is_never_unpacked(house: Settings, short: Path) -> None:
    body = gzip.compress(b'{"password": "calm lamps"}')

    async def story() -> None:
        async with running(opened(house, short)) as hub:
            headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
            assert (await ask("POST", from_house(hub) + "/login", data=body, headers=headers))[0] == 400

    run(story())


def test_a_body_that_breaks_off_is_no_fault_of_ours(
    house: Settings, short: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_S", 0.5)

    async def story() -> None:
        async with running(opened(house, short)) as hub:
            address = own_address()
            # aiohttp's parser in C does not tell that a chunk is none: then the body just never comes.
            for rest, expected in ((b"evil\r\n", b"HTTP/1.1 40"), (b"5\r\nev", b"")):
                reader, writer = await asyncio.open_connection(address, port_of(hub))
                writer.write(get("/login", address, "Transfer-Encoding: chunked", method="POST"))
                await asyncio.sleep(0.2)
                writer.write(rest)
                if expected:
                    assert (await reader.readline()).startswith(expected)
                writer.close()
            await asyncio.sleep(0.3)

    with caplog.at_level(logging.INFO):
        run(story())
    assert not [record for record in caplog.records if record.exc_info]


def test_connections_are_bounded_and_this_device_is_never_shut_out(
    house: Settings, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = own_address()
    monkeypatch.setattr(connections, "MOST_EACH", 5)

    async def served(hub: Any) -> bool:
        return status_of(await raw(address, port_of(hub), get("/login.css", address))) == 200

    async def story() -> None:
        async with running(opened(house, short)) as hub:
            idle = [await asyncio.open_connection(address, port_of(hub)) for _ in range(5)]
            await asyncio.sleep(0.2)
            assert not await served(hub)
            assert (await ask("GET", hub.page + "api/state"))[0] == 200
            idle.pop()[1].close()
            await until(lambda: served(hub))
            for _, writer in idle:
                writer.close()
            await asyncio.sleep(0.2)
            assert all([await served(hub) for _ in range(20)])

    run(story())
    monkeypatch.setattr(connections, "MOST_EACH", 32)
    monkeypatch.setattr(connections, "MOST_HOUSE", 5)
    run(story())


# -- nonsense


@pytest.mark.parametrize(
    "path",
    [
        "/../service.py",
        "/../../../../etc/passwd",
        "/%2e%2e/service.py",
        "/%2e%2e%2fservice.py",
        "/..%2f..%2fetc%2fpasswd",
        "/%252e%252e%252fservice.py",
        "/%25252e%25252e/service.py",
        "/%c0%ae%c0%ae/service.py",
        "/..\\service.py",
        "/x/../page.css",
        "/./page.css",
        "//etc/passwd",
        "//evil.example/page.css",
        "/page.css/",
        "/page.css%00.html",
        "/web/page.css",
        "/page.html",
        "/login.html",
        "/api/state/../../page.css",
        "/;/page.css",
        "/api/command%0d%0aX: y",
    ],
)
def test_no_path_leads_out(house: Settings, path: str) -> None:
    async def story() -> None:
        async with running(house) as hub:
            answer = await raw("127.0.0.1", port_of(hub), get(path.replace(" ", "%20"), "localhost"))
            assert status_of(answer) == 404
            assert b"\nX: y" not in answer
            if ".." in path or "%2e%2e" in path or "%252e" in path or "\\" in path:
                # Also before anybody looks whether there is such a route, or who asks.
                answer = await raw("127.0.0.1", port_of(hub), get(path, "localhost", "Via: a proxy"))
                assert status_of(answer) == 404

    run(story())


def test_malformed_requests_are_refused_and_leave_no_trace(
    house: Settings, short: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = own_address()

    async def story() -> None:
        async with running(opened(house, short)) as hub:
            where = [("127.0.0.1", "localhost"), (address, address)]
            for (to, host), sent in [(one, sent) for one in where for sent in _malformed(one[1])]:
                answer = await raw(to, port_of(hub), sent, limit_s=3)
                assert status_of(answer) in (0, 400, 401, 403, 404, 405, 417, 431, 501, 505), (sent[:60], answer[:200])
                assert b"Traceback" not in answer
                assert b"Python" not in answer
                assert host
            assert (await ask("GET", hub.page + "api/state"))[0] == 200

    with caplog.at_level(logging.INFO):
        run(story())
    assert "Traceback" not in caplog.text
    assert "evil" not in caplog.text
    assert not [record for record in caplog.records if record.exc_info]
    assert not [record for record in caplog.records if "\n" in record.getMessage()]


def _malformed(host: str) -> list[bytes]:
    name = host.encode()
    return [
        b"\r\n\r\n\r\n\r\nevil\r\n\r\n",
        b"evil\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03evil",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: " + name + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost : " + name + b"\r\n\r\n",
        b"GET / HTTP/1.1\nno colon evil\n\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n",
        b"GET http://evil.example/ HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n",
        b"GET http://" + name + b"/login HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n",
        b"CONNECT evil.example:443 HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n",
        b"TRACE / HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n",
        b"EVIL / HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: " + name + b"\r\nContent-Length: -1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: " + name + b"\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nevil",
        b"POST /login HTTP/1.1\r\nHost: "
        + name
        + b"\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /evil HTTP/1.1\r\n\r\n",
        b"POST /login HTTP/1.1\r\nHost: " + name + b"\r\nTransfer-Encoding: chunked\r\n\r\nevil\r\n\r\n",
        b"POST /none HTTP/1.1\r\nHost: " + name + b"\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nevil",
        b"GET / HTTP/1.1\r\nHost: evil\x1b[31m\r\nConnection: close\r\n\r\n",
        b"GET /evil%0aERROR%20injected HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\n\r\n",
        b"GET /?evil=%0d%0a HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\nExpect: evil\r\n\r\n",
        b"GET /none HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\nCookie: \xff\xfe=\x01; evil\r\n\r\n",
        b"GET /none HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\nAuthorization: Bearer\r\n\r\n",
    ]


def test_nothing_of_a_guess_is_logged(house: Settings, short: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running(opened(house, short)) as hub:
            url = from_house(hub) + "/login"
            assert (await ask("POST", url, json={"password": "nearly\nERROR calm lamps"}))[0] == 401
            assert (await ask("POST", url, data={"password": "nearly\nERROR calm lamps"}))[0] == 401

    with caplog.at_level(logging.DEBUG):
        run(story())
    assert "a wrong password from" in caplog.text
    assert "calm lamps" not in caplog.text


def test_methods_that_a_route_does_not_have(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            for method, path, allowed in (
                ("PUT", "api/state", "GET"),
                ("DELETE", "api/command", "POST"),
                ("GET", "logout", "POST"),
                ("OPTIONS", "", "GET"),
                ("PATCH", "login", "POST"),
            ):
                status, _, headers = await ask(method, hub.page + path)
                assert status == 405, method
                assert allowed in headers["Allow"]

    run(story())

"""Unsafe paths and malformed requests, and what is logged about them."""

import logging
from pathlib import Path

import pytest

from device.settings.schema import Settings
from tests.hub.hub_running import run, running
from tests.hub.web.builders import (
    ask,
    format_request,
    get_port,
    network_origin,
    open_to_network,
    own_address,
    parse_status,
    send_raw,
)

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
def test_no_path_leads_out_of_the_folder(house: Settings, path: str) -> None:
    async def story() -> None:
        async with running(house) as hub:
            answer = await send_raw("127.0.0.1", get_port(hub), format_request(path.replace(" ", "%20"), "localhost"))
            assert parse_status(answer) == 404
            assert b"\nX: y" not in answer
            if ".." in path or "%2e%2e" in path or "%252e" in path or "\\" in path:
                # Also before anybody looks whether there is such a route, or who asks.
                answer = await send_raw("127.0.0.1", get_port(hub), format_request(path, "localhost", "Via: a proxy"))
                assert parse_status(answer) == 404

    run(story())


def test_malformed_requests_are_refused_and_log_no_error(
    house: Settings, short: Path, caplog: pytest.LogCaptureFixture
) -> None:
    address = own_address()

    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            where = [("127.0.0.1", "localhost"), (address, address)]
            for (to, host), sent in [(one, sent) for one in where for sent in _malformed(one[1])]:
                answer = await send_raw(to, get_port(hub), sent, limit_s=3)
                assert parse_status(answer) in (0, 400, 401, 403, 404, 405, 417, 431, 501, 505), (
                    sent[:60],
                    answer[:200],
                )
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
        b"GET /none?evil=%0d%0a HTTP/1.1\r\nHost: "
        + name
        + b"\r\nConnection: close\r\nExpect: 100-continue\r\nExpect: evil\r\n\r\n",
        b"GET /none HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\nCookie: \xff\xfe=\x01; evil\r\n\r\n",
        b"GET /none HTTP/1.1\r\nHost: " + name + b"\r\nConnection: close\r\nAuthorization: Bearer\r\n\r\n",
    ]


def test_guesses_are_not_logged(house: Settings, short: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            url = network_origin(hub) + "/login"
            assert (await ask("POST", url, json={"password": "nearly\nERROR calm lamps"}))[0] == 401
            assert (await ask("POST", url, data={"password": "nearly\nERROR calm lamps"}))[0] == 401

    with caplog.at_level(logging.DEBUG):
        run(story())
    assert "a wrong password from" in caplog.text
    assert "calm lamps" not in caplog.text


def test_methods_that_a_route_does_not_allow(house: Settings) -> None:
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

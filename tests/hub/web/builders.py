"""A hub that is open to the network, and requests from there over real sockets."""

import asyncio
import contextlib
import os
import socket
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from device.hub.hub import Hub
from device.hub.web.auth.password import Password, write
from device.settings.schema import Settings

PASSWORD = "calm lamps"  # noqa: S105
EVERYWHERE = "0.0.0.0"  # noqa: S104
_NONE = "this machine has only loopback, so requests cannot come from a network"


def own_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """This machine's address in its network. A connection to it counts as coming from there. Skips without one."""
    remote = "203.0.113.1" if family == socket.AF_INET else "2001:db8::1"
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((remote, 9))  # sends no packet: the kernel only chooses a route
            address = str(probe.getsockname()[0])
        except OSError:
            pytest.skip(_NONE)
    if address.startswith(("127.", "::")):
        pytest.skip(_NONE)
    return address


def hash_cheaply(text: str = PASSWORD) -> Password:
    """A hash that takes less time than a real one."""
    cheap = Password(os.urandom(16).hex(), "0" * 64, n=16384, p=1)
    return msgspec.structs.replace(cheap, hash=cheap._hash_text(text).hex())


def open_to_network(settings: Settings, folder: Path, listen: str = EVERYWHERE, **more: Any) -> Settings:
    """The settings with the page open to the network."""
    path = folder / "password.json"
    write(path, hash_cheaply())
    kiosk = msgspec.structs.replace(settings.kiosk, listen=listen, password_file=str(path), **more)
    return msgspec.structs.replace(settings, kiosk=kiosk)


def get_port(hub: Hub) -> int:
    return int(hub.page.rsplit(":", 1)[1].rstrip("/"))


def network_origin(hub: Hub, scheme: str = "http") -> str:
    """The page's origin in the network: its address without a final slash."""
    return f"{scheme}://{own_address()}:{get_port(hub)}"


async def ask(method: str, url: str, **more: Any) -> tuple[int, str, dict[str, str]]:
    """One request without cookies and redirects: (status, text, headers)."""
    jar = aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as client,
        client.request(method, url, allow_redirects=False, **more) as answer,
    ):
        return answer.status, await answer.text(), {**dict(answer.headers), "cookies": str(answer.cookies.output())}


async def log_in(origin: str, password: str = PASSWORD, **more: Any) -> str:
    """Log in; returns the Cookie header of the session."""
    jar = aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as client,
        client.post(f"{origin}/login", json={"password": password}, **more) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return "; ".join(f"{name}={one.value}" for name, one in answer.cookies.items())


async def send_raw(
    address: str, port: int, sent: bytes, *, limit_s: float = 5.0, context: ssl.SSLContext | None = None
) -> bytes:
    """Send these bytes; returns everything that comes back until the server closes, or until `limit_s`."""
    reader, writer = await asyncio.open_connection(address, port, ssl=context)
    got = b""
    try:
        writer.write(sent)
        async with asyncio.timeout(limit_s):
            while piece := await reader.read(65536):
                got += piece
    except (TimeoutError, ConnectionError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
    return got


def format_request(path: str, host: str, *lines: str, method: str = "GET") -> bytes:
    """A request as bytes, which asks the server to close the connection."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines, "", ""]).encode()


def parse_status(answer: bytes) -> int:
    """The status of an answer; 0 without one."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0

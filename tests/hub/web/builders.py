"""A hub that is open to the house, and callers that come from there, over real sockets."""

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
_NONE = "this machine has no address beyond loopback: the house cannot be played here"


def own_address(family: socket.AddressFamily = socket.AF_INET) -> str:
    """This machine's address in its network: whoever comes by it is in the house. Skips where there is none."""
    there = "203.0.113.1" if family == socket.AF_INET else "2001:db8::1"
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((there, 9))  # no packet is sent: the kernel only chooses the way
            found = str(probe.getsockname()[0])
        except OSError:
            pytest.skip(_NONE)
    if found.startswith(("127.", "::")):
        pytest.skip(_NONE)
    return found


def quick(text: str = PASSWORD) -> Password:
    """A hash that costs a test less."""
    cheap = Password(os.urandom(16).hex(), "0" * 64, n=16384, p=1)
    return msgspec.structs.replace(cheap, hash=cheap._hashed(text).hex())


def opened(settings: Settings, folder: Path, listen: str = EVERYWHERE, **more: Any) -> Settings:
    """The settings with the page open to the house."""
    path = folder / "password.json"
    write(path, quick())
    kiosk = msgspec.structs.replace(settings.kiosk, listen=listen, password_file=str(path), **more)
    return msgspec.structs.replace(settings, kiosk=kiosk)


def port_of(hub: Hub) -> int:
    return int(hub.page.rsplit(":", 1)[1].rstrip("/"))


def from_house(hub: Hub, scheme: str = "http") -> str:
    """The page's address in the house, with no slash behind it: an origin."""
    return f"{scheme}://{own_address()}:{port_of(hub)}"


async def ask(method: str, url: str, **more: Any) -> tuple[int, str, dict[str, str]]:
    """One request of a client that keeps no cookies and follows nothing: status, text, headers."""
    jar = aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as client,
        client.request(method, url, allow_redirects=False, **more) as answer,
    ):
        return answer.status, await answer.text(), {**dict(answer.headers), "cookies": str(answer.cookies.output())}


async def log_in(origin: str, password: str = PASSWORD, **more: Any) -> str:
    """The header Cookie of a new session."""
    jar = aiohttp.DummyCookieJar()
    async with (
        aiohttp.ClientSession(cookie_jar=jar) as client,
        client.post(f"{origin}/login", json={"password": password}, **more) as answer,
    ):
        assert answer.status == 200, await answer.text()
        return "; ".join(f"{name}={one.value}" for name, one in answer.cookies.items())


async def raw(
    address: str, port: int, sent: bytes, *, limit_s: float = 5.0, context: ssl.SSLContext | None = None
) -> bytes:
    """What comes back for these very bytes, until the other end closes, or for so long."""
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


def get(path: str, host: str, *lines: str, method: str = "GET") -> bytes:
    """A request as bytes, after whose answer the connection is over."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close", *lines, "", ""]).encode()


def status_of(answer: bytes) -> int:
    """0 where nothing was answered."""
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/") else 0

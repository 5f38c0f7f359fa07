"""Pairing with a Hue bridge: wait for its button, pin its certificate, and store the key in a file."""

import asyncio
import hashlib
import re
import socket
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from aiohttp import Fingerprint
from msgspec import Meta, Struct

from device.errors import ActionError
from device.hub.actions.hue.bridge import Key, build_bridge_url
from device.hub.actions.transport.delivery import TransientError
from device.hub.actions.transport.http import Http, clean_text, encode_json
from device.system.state_file import atomic_write

BUTTON_S = 30.0
"""How long to wait for the button; the bridge itself accepts it for as long."""
_CONNECT_S = 5.0
_NOT_PRESSED = 101
"""The bridge's error while its button is not pressed."""


class _Error(Struct, frozen=True):
    type: int
    description: str = ""


class _Success(Struct, frozen=True):
    username: Annotated[str, Meta(pattern=r"^[\x21-\x7e]{1,200}\Z")]
    """The application key."""


class _Paired(Struct, frozen=True):
    error: _Error | None = None
    success: _Success | None = None


async def pair(
    address: str, port: int, *, wait_s: float = BUTTON_S, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> Key:
    """Ask once a second until the button is pressed. Raises ActionError.

    Whatever answers at this address is trusted as the bridge from now on: its certificate is self-signed, so nobody
    else vouches for it.
    """
    name = f"Hue bridge {address}"
    digest = await get_fingerprint(address, port)
    pin = Fingerprint(bytes.fromhex(digest))
    host = re.sub(r"[^A-Za-z0-9-]", "", socket.gethostname())[:19] or "home"  # at most 19 characters
    body = encode_json({"devicetype": f"mien#{host}", "generateclientkey": True})
    url = build_bridge_url(name, address, port, "api")
    http = Http()
    try:
        for _ in range(max(1, round(wait_s))):
            problem = "its button was not pressed"
            try:
                async with asyncio.timeout(_CONNECT_S), http.request(name, "POST", url, body=body, pin=pin) as response:
                    if key := _read_answer(name, await response.decode(tuple[_Paired, ...])):
                        return Key(key, digest)
            except (TransientError, TimeoutError) as error:  # it may be busy
                problem = str(error) or "no answer"
            await sleep(1.0)
    finally:
        await http.close()
    raise ActionError(f"{name}: not paired within {wait_s:g} s, and nothing was written: {problem}")


def _read_answer(name: str, answers: tuple[_Paired, ...]) -> str:
    """The key; empty while the button is not pressed. Raises ActionError for any other error."""
    first = answers[0] if answers else _Paired()
    if first.success:
        return first.success.username
    if first.error and first.error.type == _NOT_PRESSED:
        return ""
    why = clean_text(first.error.description) if first.error else "neither a key nor an error"
    raise ActionError(f"{name}: refused to pair: {why or 'no reason given'}")


async def get_fingerprint(address: str, port: int) -> str:
    """SHA-256, in hexadecimal, of the certificate that the server shows. Raises ActionError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(address.strip("[]"), port, ssl=context)
    except (OSError, ValueError, OverflowError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or str(error) or "no answer"
        raise ActionError(f"Hue bridge {address}: cannot be reached on port {port} ({clean_text(why)})") from None
    tls: Any = writer.get_extra_info("ssl_object")
    writer.close()
    return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


def write_key(path: Path, key: Key) -> None:
    """Write it whole or not at all, readable by this user only. Raises ActionError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)  # not private: it may be /etc/mien, where the settings are
        atomic_write(path, encode_json(key) + b"\n")
    except OSError as error:
        raise ActionError(f"{path}: the key cannot be written ({error.strerror}); name another with --file") from None

"""Pairing with a Hue bridge: its button is pressed, its certificate pinned, and the key it gives kept in a file."""

import asyncio
import hashlib
import os
import re
import socket
import ssl
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any

from aiohttp import Fingerprint
from msgspec import Meta, Struct

from device.errors import ActionError
from device.hub.actions.hue.bridge import Key, bridge_url
from device.hub.actions.transport.delivery import TransientError
from device.hub.actions.transport.http import Http, encoded, plain_text

BUTTON_S = 30.0
"""How long the button is waited for; it counts for so long, too."""
_CONNECT_S = 5.0
_NOT_PRESSED = 101


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
    address: str,
    port: int,
    *,
    wait_s: float = BUTTON_S,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Key:
    """Ask once a second until the button was pressed. Raises ActionError.

    Whoever answers now is taken for the bridge, from now on and for ever: its certificate signs itself, so that there
    is nobody else to vouch for it.
    """
    name = f"Hue bridge {address}"
    digest = await fingerprint(address, port)
    pin = Fingerprint(bytes.fromhex(digest))
    body = encoded({"devicetype": _devicetype(), "generateclientkey": True})
    url = bridge_url(name, address, port, "api")
    http = Http()
    try:
        for _ in range(max(1, round(wait_s))):
            problem = "its button was not pressed"
            try:
                async with asyncio.timeout(_CONNECT_S), http.ask(name, "POST", url, body=body, pin=pin) as answer:
                    if key := _told(name, await answer.decoded(tuple[_Paired, ...])):
                        return Key(key, digest)
            except (TransientError, TimeoutError) as error:  # it may just be busy
                problem = str(error) or "no answer"
            await sleep(1.0)
    finally:
        await http.close()
    raise ActionError(f"{name}: not paired within {wait_s:g} s, nothing was written: {problem}")


def _told(name: str, answers: tuple[_Paired, ...]) -> str:
    """The key; empty while the button is not pressed. Raises ActionError for any other error."""
    first = answers[0] if answers else _Paired()
    if first.success:
        return first.success.username
    if first.error and first.error.type == _NOT_PRESSED:
        return ""
    said = plain_text(first.error.description) if first.error else "neither a key nor an error"
    raise ActionError(f"{name}: does not pair: {said or 'no reason given'}")


async def fingerprint(address: str, port: int) -> str:
    """SHA-256, in hexadecimal, of the certificate that is shown there. Raises ActionError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        async with asyncio.timeout(_CONNECT_S):
            _, writer = await asyncio.open_connection(address.strip("[]"), port, ssl=context)
    except (OSError, ValueError, OverflowError) as error:
        said = (error.strerror if isinstance(error, OSError) else None) or str(error) or "no answer"
        raise ActionError(f"Hue bridge {address}: cannot be reached on port {port} ({plain_text(said)})") from None
    shown: Any = writer.get_extra_info("ssl_object")
    writer.close()
    return hashlib.sha256(shown.getpeercert(binary_form=True)).hexdigest()


def write_key(path: Path, key: Key) -> None:
    """For this user's eyes only, whole or not at all. Raises ActionError."""
    partial = ""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, partial = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # made with mode 0600
        with os.fdopen(handle, "wb") as file:
            file.write(encoded(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        Path(partial).replace(path)
    except OSError as error:
        if partial:
            Path(partial).unlink(missing_ok=True)
        raise ActionError(f"{path}: the key cannot be written ({error.strerror}); name another with --file") from None


def _devicetype() -> str:
    """`mien#host`: at most 19 characters behind the #."""
    return f"mien#{re.sub(r'[^A-Za-z0-9-]', '', socket.gethostname())[:19] or 'home'}"

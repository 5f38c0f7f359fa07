"""HTTP for every destination that uses it: one session, bounded responses, and errors in plain words."""

import contextlib
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import TypeVar

import aiohttp
import msgspec
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, Fingerprint
from yarl import URL

from device.errors import ActionError
from device.hub.actions.transport.delivery import TransientError

T = TypeVar("T")
encode_json = msgspec.json.encode

MAX_BYTES = 65_536
"""Limit of a response; a longer one is an error."""
_BUSY = {429: True, 502: False, 503: True, 504: False}
"""Whether the request certainly had no effect; if False, a proxy may have forwarded it."""


class Response:
    """A response whose status is known; the body is read on demand."""

    def __init__(self, name: str, response: ClientResponse) -> None:
        self._name = name
        self._response = response
        self.status = response.status

    async def decode(self, kind: type[T], max_bytes: int = MAX_BYTES) -> T:
        """The JSON body as `kind`. Raises ActionError if it is anything else, or longer than `max_bytes`."""
        body = bytearray()
        async for piece in self._response.content.iter_any():
            body += piece
            if len(body) > max_bytes:
                raise ActionError(f"{self._name}: the answer is longer than {max_bytes} bytes, and was not read")
        try:
            return msgspec.json.decode(body, type=kind)
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            raise ActionError(f"{self._name}: the answer is not understood ({clean_text(str(error))})") from None


class Http:
    """One client session, made at the first request. No cookies, proxies, redirects or compression.

    `connect_s` limits the time for connecting. How long a response may take, the caller decides.
    """

    def __init__(self, connect_s: float = 3.0) -> None:
        self._connect_s = connect_s
        self._session: ClientSession | None = None

    @contextlib.asynccontextmanager
    async def request(
        self,
        name: str,
        method: str,
        url: URL,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        pin: Fingerprint | None = None,
    ) -> AsyncIterator[Response]:
        """The response to one request; a body is sent as JSON.

        `name` stands for the destination in messages: an address may hold a secret. With `pin`, nothing is sent to a
        server that shows another certificate. Raises TransientError when another attempt may succeed, else
        ActionError.
        """
        own = {"Accept-Encoding": "identity", **({"Content-Type": "application/json"} if body is not None else {})}
        try:
            if self._session is None:
                limits = ClientTimeout(total=300.0, connect=self._connect_s)
                self._session = ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False, timeout=limits)
            async with self._session.request(
                method, url, headers=own | (headers or {}), data=body, ssl=pin or True, allow_redirects=False
            ) as response:
                _check_status(name, response)
                yield Response(name, response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _to_action_error(name, error, self._connect_s) from None

    async def close(self) -> None:
        """Close the connections; a later request makes new ones."""
        if self._session:
            session, self._session = self._session, None
            await session.close()


def parse_url(name: str, url: str) -> URL:
    """A web address. Raises ActionError, which does not repeat it."""
    try:
        return URL(url)
    except ValueError:
        raise ActionError(f"{name}: not an address; correct it in the settings") from None


def clean_text(text: str) -> str:
    """Text from outside, made safe for a log: one line, at most 200 characters."""
    return "".join(c if c.isprintable() else " " for c in text[:200]).strip()


def _check_status(name: str, response: ClientResponse) -> None:
    """Raises TransientError if the destination is busy, ActionError if it redirects."""
    if response.status in _BUSY:
        wait_s = _parse_retry_after(response.headers.get("Retry-After", ""))
        request = f", asks us to wait {wait_s:.0f} s" if wait_s else ""
        raise TransientError(
            f"{name}: busy (answered {response.status}{request})",
            retry_after_s=wait_s,
            had_no_effect=_BUSY[response.status],
        )
    if 300 <= response.status < 400:
        raise ActionError(f"{name}: redirects to another address (answered {response.status}), which is not followed")


def _parse_retry_after(value: str) -> float:
    """Seconds, from a number of them or a date; 0.0 for anything else."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        if value.isascii() and value.isdigit():
            return float(value[:9])
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    return 0.0


def _to_action_error(name: str, error: Exception, connect_s: float) -> ActionError:
    """The error in words that hold no address and no header."""
    match error:
        case aiohttp.ServerFingerprintMismatch():
            return ActionError(f"{name}: shows another certificate than the one that was pinned; nothing was sent")
        case aiohttp.ClientSSLError():
            return ActionError(f"{name}: no secure connection (its certificate, or its TLS, is not trusted)")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            why = f"no connection within {connect_s:g} s"
            if isinstance(error, aiohttp.ClientConnectorError):
                cause = error.os_error
                why = clean_text(cause.strerror or str(cause) or type(cause).__name__)
            return TransientError(f"{name}: cannot be reached ({why})", had_no_effect=True)
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | OSError():
            return TransientError(f"{name}: the connection broke off")
        case aiohttp.ClientError() if not isinstance(error, ValueError):
            return ActionError(f"{name}: the answer is not valid HTTP")
    return ActionError(f"{name}: the request cannot be made; are the address and the key right?")

"""HTTP for every destination that speaks it: one session, bounded answers, and errors in plain words."""

import contextlib
import time
from collections.abc import AsyncIterator
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import aiohttp
import msgspec
from aiohttp import ClientResponse, ClientSession, ClientTimeout, DummyCookieJar, Fingerprint
from yarl import URL

from device.errors import ActionError
from device.hub.actions.transport.delivery import TransientError

T = TypeVar("T")

MAX_BYTES = 65_536
"""Of an answer; whoever says more is not understood."""
CONNECT_S = 3.0
"""Until there is a connection; how long an answer may take, its caller knows."""
_BUSY = (429, 502, 503, 504)
_UNTOUCHED = (429, 503)
"""Refused before anything was done; behind the other two, a proxy may have passed it on."""


class Answer:
    """The status is there; the rest is read if it is wanted."""

    def __init__(self, name: str, response: ClientResponse) -> None:
        self._name = name
        self._response = response
        self.status = response.status

    async def read(self, most: int = MAX_BYTES) -> bytes:
        """The whole body. Raises ActionError where it is longer than `most` bytes."""
        body = bytearray()
        async for piece in self._response.content.iter_any():
            body += piece
            if len(body) > most:
                raise ActionError(f"{self._name}: the answer is longer than {most} bytes, and was not read")
        return bytes(body)

    async def decoded(self, kind: type[T], most: int = MAX_BYTES) -> T:
        """The body's JSON as `kind`. Raises ActionError where it is anything else."""
        return decoded(self._name, await self.read(most), kind)


class Http:
    """One client session, made at the first request. No cookies, no proxies, no redirects, no compression."""

    def __init__(self) -> None:
        self._session: ClientSession | None = None

    @contextlib.asynccontextmanager
    async def ask(
        self,
        name: str,
        method: str,
        url: URL,
        *,
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        pin: Fingerprint | None = None,
    ) -> AsyncIterator[Answer]:
        """The answer to one request; JSON, where there is a body.

        `name` stands for the destination in messages: an address may hold a secret. With `pin`, nothing is sent to
        whoever shows another certificate. Raises TransientError where another try may go well, else ActionError.
        """
        own = {"Accept-Encoding": "identity", **({"Content-Type": "application/json"} if body is not None else {})}
        try:
            if self._session is None:
                limits = ClientTimeout(total=300.0, connect=CONNECT_S)
                self._session = ClientSession(cookie_jar=DummyCookieJar(), auto_decompress=False, timeout=limits)
            async with self._session.request(
                method, url, headers=own | (headers or {}), data=body, ssl=pin or True, allow_redirects=False
            ) as response:
                _check(name, response)
                yield Answer(name, response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _plain(name, error) from None

    async def close(self) -> None:
        """Let go of the connections; a later request makes new ones."""
        if self._session:
            session, self._session = self._session, None
            await session.close()


def address(name: str, url: str) -> URL:
    """A web address. Raises ActionError, which does not repeat it."""
    try:
        return URL(url)
    except ValueError:
        raise ActionError(f"{name}: not an address; correct it in the settings") from None


def encoded(document: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """As JSON."""
    return msgspec.json.encode(document)


def decoded(name: str, body: bytes, kind: type[T]) -> T:
    """JSON as `kind`. Raises ActionError."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise ActionError(f"{name}: the answer is not understood ({plain_text(str(error))})") from None


def plain_text(said: str) -> str:
    """What a stranger said, fit for a log: one line, at most 200 characters."""
    return "".join(c if c.isprintable() else " " for c in said[:200]).strip()


def _check(name: str, response: ClientResponse) -> None:
    """Raises TransientError where the destination has no time, ActionError where it sends us elsewhere."""
    if response.status in _BUSY:
        patience_s = _retry_after_s(response.headers.get("Retry-After", ""))
        wish = f", asks us to wait {patience_s:.0f} s" if patience_s else ""
        raise TransientError(
            f"{name}: busy (answered {response.status}{wish})",
            retry_after_s=patience_s,
            untouched=response.status in _UNTOUCHED,
        )
    if 300 <= response.status < 400:
        raise ActionError(f"{name}: sends us elsewhere (answered {response.status}), which is not followed")


def _retry_after_s(said: str) -> float:
    """Seconds, from a number of them or a date; 0.0 for anything else."""
    with contextlib.suppress(ValueError, TypeError, OverflowError):
        if said.isascii() and said.isdigit():
            return float(said[:9])
        return max(0.0, parsedate_to_datetime(said).timestamp() - time.time())
    return 0.0


def _plain(name: str, error: Exception) -> ActionError:
    """In words that hold no address and no header."""
    match error:
        case aiohttp.ServerFingerprintMismatch():
            return ActionError(f"{name}: shows another certificate than the one that was pinned; nothing was sent")
        case aiohttp.ClientSSLError():
            return ActionError(f"{name}: no safe connection (its certificate, or its TLS, is not trusted)")
        case aiohttp.ClientConnectorError() | aiohttp.ConnectionTimeoutError():
            return TransientError(f"{name}: cannot be reached ({_reason(error)})", untouched=True)
        case aiohttp.ClientConnectionError() | aiohttp.ClientPayloadError() | OSError():
            return TransientError(f"{name}: the connection broke off")
        case aiohttp.ClientError() if not isinstance(error, ValueError):
            return ActionError(f"{name}: the answer is not HTTP as it should be")
    return ActionError(f"{name}: the request cannot be made; are the address and the key right?")


def _reason(error: aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError) -> str:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return f"no connection within {CONNECT_S:g} s"
    why = error.os_error
    return plain_text(why.strerror or str(why) or type(why).__name__)

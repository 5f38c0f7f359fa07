"""The connections: how many, for how long, and with TLS where they come from the house."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from device.hub.web.request_origin import parse_address, rate_limit_key
from device.hub.web.responses import HEADERS, error

_log = logging.getLogger(__name__)

MAX_HOUSE = 128
"""Connections from the house at a time; one more is closed at once."""
MAX_EACH = 32
"""Of them, from one address: nobody takes all."""
MAX_HERE = 256
"""From this device itself: the house cannot shut it out."""
HANDSHAKE_S = 10.0
HEADERS_S = 10.0
"""The whole of the first request's headers must be there; aiohttp itself waits for ever, or for as long as below."""
KEEPALIVE_S = 20.0
"""And the whole of the next one's, after an answer."""
_GONE_MS = 30_000
"""What is sent and not taken for so long ends the connection (TCP_USER_TIMEOUT)."""
_FULL_S = 1.0


class HttpConnection(web.RequestHandler):
    """aiohttp's end of a connection, which does not wait for ever and whose errors say nothing of our insides."""

    def __init__(self, server: web.Server, gone: Callable[[], None]) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # the documented way to have none
            keepalive_timeout=KEEPALIVE_S,
            max_headers=64,
            lingering_time=2.0,
            auto_decompress=False,  # nobody has to send us so much; four kilobytes could become four megabytes
        )
        self._gone = gone
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock of the first request."""
        super().connection_made(transport)
        self._deadline = asyncio.get_running_loop().call_later(HEADERS_S, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Make room for another."""
        self.heard()
        self._gone()
        super().connection_lost(exc)

    def heard(self) -> None:
        """The headers of a request are there."""
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - repeats what was sent
    ) -> web.StreamResponse:
        """What is no HTTP is the other end's fault, and told to it alone; what fails here is told to the log."""
        self.heard()
        if request.writer.output_size > 0:  # half an answer is out: there is no other after it
            raise ConnectionError
        if isinstance(exc, HttpProcessingError):
            _log.debug("page: a request that is no HTTP: %r", exc.message)
            said = "this is no HTTP request that can be answered"
        elif isinstance(exc, ConnectionError) and self.transport is None:
            raise exc  # who asked has left
        else:
            _log.error("page: a request failed; please report this", exc_info=exc)
            said = "the request failed on the device; its log says why"
        answer = error(status, said)
        answer.headers.update(HEADERS | {"Cache-Control": "no-store"})
        answer.force_close()
        return answer


class Connections:
    """Takes in whoever comes to a listening socket, within the bounds. One port serves both sides of it."""

    def __init__(self, server: web.Server, context: ssl.SSLContext | None) -> None:
        """`context` is for the house; on loopback, nobody listens in."""
        self._server = server
        self._context = context
        self._open: Counter[str] = Counter()
        self._taking: set[asyncio.Task[None]] = set()

    async def accept(self, listener: socket.socket) -> None:
        """Until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                end, _ = await loop.sock_accept(listener)
            except ConnectionError:
                continue
            except OSError as problem:
                _log.warning("page: no new connection can be taken now (%s)", problem)
                await asyncio.sleep(_FULL_S)
                continue
            self._take(end)

    async def close(self) -> None:
        """Give up those whose handshake is not done."""
        for task in tuple(self._taking):
            task.cancel()
        await asyncio.gather(*self._taking, return_exceptions=True)

    def _take(self, end: socket.socket) -> None:
        try:
            peer, own = (parse_address(str(name[0])) for name in (end.getpeername(), end.getsockname()))
        except OSError:  # gone already
            end.close()
            return
        house = not (peer and own and peer.is_loopback and own.is_loopback)
        places = {"house": MAX_HOUSE, rate_limit_key(peer): MAX_EACH} if house else {"here": MAX_HERE}
        if any(self._open[place] >= most for place, most in places.items()):
            end.close()
            return
        self._open.update(places.keys())
        task = asyncio.create_task(self._serve(end, tuple(places), self._context if house else None))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)

    async def _serve(self, end: socket.socket, places: tuple[str, ...], context: ssl.SSLContext | None) -> None:
        done = False

        def leave() -> None:
            nonlocal done
            if not done:
                done = True
                self._open -= Counter(places)

        more: dict[str, Any] = {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": 1.0} if context else {}
        try:
            end.setblocking(False)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _GONE_MS)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: HttpConnection(self._server, leave), end, ssl=context, **more
            )
        except BaseException as problem:
            leave()
            with contextlib.suppress(OSError):
                end.close()
            if not isinstance(problem, OSError):  # no TLS, none that we take, or gone
                raise

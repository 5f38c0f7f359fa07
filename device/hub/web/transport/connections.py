"""Limits the number and slowness of connections, and adds TLS to those from the network."""

import asyncio
import contextlib
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from device.hub.web.known_addresses import KnownAddresses
from device.hub.web.limits import WebLimits
from device.hub.web.request_origin import get_limit_keys, parse_address
from device.hub.web.responses import HEADERS, error

_log = logging.getLogger(__name__)

_USER_TIMEOUT_MS = 30_000
"""A connection ends when the other side acknowledges nothing for this long (TCP_USER_TIMEOUT)."""


class HttpConnection(web.RequestHandler):
    """aiohttp's end of a connection, with a timeout for headers and with error answers that reveal nothing internal."""

    def __init__(self, server: web.Server, on_close: Callable[[], None], limits: WebLimits) -> None:
        super().__init__(
            server,
            loop=asyncio.get_running_loop(),
            access_log=None,  # type: ignore[arg-type] # the documented way to turn it off
            keepalive_timeout=limits.keepalive_timeout_s,
            max_headers=64,
            lingering_time=2.0,
            auto_decompress=False,  # four kilobytes could unpack to four megabytes
        )
        self._on_close = on_close
        self._headers_timeout_s = limits.headers_timeout_s
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the timeout of the first request's headers."""
        super().connection_made(transport)
        self._deadline = asyncio.get_running_loop().call_later(self._headers_timeout_s, self.force_close)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Stop the timeout, and free the connection's slot."""
        self.headers_received()
        self._on_close()
        super().connection_lost(exc)

    def headers_received(self) -> None:
        """Stop the timeout: the headers of a request have arrived."""
        if self._deadline:
            self._deadline.cancel()
            self._deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,  # noqa: ARG002 - it quotes the request
    ) -> web.StreamResponse:
        """Answer in JSON. Malformed HTTP is the client's fault and logged for debugging; any other error is ours."""
        self.headers_received()
        if request.writer.output_size > 0:  # part of a response has already been sent
            raise ConnectionError
        if isinstance(exc, HttpProcessingError):
            _log.debug("page: malformed HTTP: %r", exc.message)
            text = "this is not a valid HTTP request"
        elif isinstance(exc, ConnectionError) and self.transport is None:
            raise exc  # the client has disconnected
        else:
            _log.error("page: a request failed; please report this", exc_info=exc)
            text = "the request failed on the device; see its log"
        response = error(status, text)
        response.headers.update(HEADERS | {"Cache-Control": "no-store"})
        response.force_close()
        return response


class Connections:
    """Accepts connections within the limits. The same port serves this device and the network."""

    def __init__(
        self, server: web.Server, context: ssl.SSLContext | None, limits: WebLimits, known: KnownAddresses
    ) -> None:
        """`context`: TLS for the network. Nobody can listen in on loopback, so it has none."""
        self._known = known
        self._server = server
        self._context = context
        self._limits = limits
        self._open: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def accept(self, listener: socket.socket) -> None:
        """Accept connections until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(listener)
            except ConnectionError:
                continue
            except OSError as problem:
                _log.warning("page: a new connection cannot be accepted now (%s)", problem)
                await asyncio.sleep(1.0)
                continue
            self._admit(connection)

    async def close(self) -> None:
        """Cancel handshakes that are still in progress."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _admit(self, connection: socket.socket) -> None:
        try:
            peer, own = (parse_address(str(name[0])) for name in (connection.getpeername(), connection.getsockname()))
        except OSError:  # closed already
            connection.close()
            return
        is_local = peer and own and peer.is_loopback and own.is_loopback
        keys = get_limit_keys(peer)
        limits = {keys.address: self._limits.max_per_address}
        if is_local:
            limits = {"local": self._limits.max_local}
        elif keys.address in self._known:
            limits["known"] = self._limits.max_known
        else:
            limits["network"] = self._limits.max_network
            if keys.network:
                limits[keys.network] = self._limits.max_per_network
        if any(self._open[key] >= limit for key, limit in limits.items()):
            connection.close()
            return
        self._open.update(limits.keys())
        task = asyncio.create_task(self._serve(connection, tuple(limits), None if is_local else self._context))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket, keys: tuple[str, ...], context: ssl.SSLContext | None) -> None:
        places = Counter(keys)

        def release() -> None:
            self._open -= places
            places.clear()  # so that a second call changes nothing

        try:
            connection.setblocking(False)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: HttpConnection(self._server, release, self._limits),
                connection,
                ssl=context,
                ssl_handshake_timeout=self._limits.handshake_timeout_s if context else None,
                ssl_shutdown_timeout=1.0 if context else None,
            )
        except BaseException as problem:
            release()
            with contextlib.suppress(OSError):
                connection.close()
            if not isinstance(problem, OSError):  # no TLS, an unsupported one, or closed
                raise

"""The page's server: loopback only, and only for pages that came from it."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from aiohttp import web
from msgspec import Struct

from device.errors import ActionError, LinkError, MienError, SettingsError
from device.hub.features import Wish, wish_of
from device.hub.history_file import Entry
from device.hub.history_reading import parse_since
from device.hub.kiosk.events import stream
from device.hub.state import Board

_log = logging.getLogger(__name__)

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_FOLDER = Path(__file__).parent
_FILES = {"/": "page.html", "/page.css": "page.css", "/page.js": "page.js"}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class _Asked(Struct, frozen=True, forbid_unknown_fields=True):
    feature: str
    value: str


class Kiosk:
    """Serves from `open` to `close`. `obey` does what is wished and raises LinkError when sense is away.

    `metrics` makes the page for Prometheus, and its content type, for a header `Accept`.
    """

    def __init__(
        self,
        board: Board,
        obey: Callable[[Wish], Awaitable[None]],
        rows: Callable[[float | None], Awaitable[list[Entry]]],
        metrics: Callable[[str], tuple[bytes, str]],
    ) -> None:
        self._board = board
        self._obey = obey
        self._rows = rows
        self._metrics = metrics
        self._runner: web.AppRunner | None = None

    async def open(self, port: int) -> str:
        """Listen on 127.0.0.1:`port` (0: any free one); the page's address. Raises MienError when it is taken."""
        app = web.Application(middlewares=[_guard], client_max_size=4096)
        for path in _FILES:
            app.router.add_get(path, _page)
        app.router.add_get("/favicon.ico", _no_icon)
        app.router.add_get("/healthz", self._health)
        app.router.add_get("/api/state", self._state)
        app.router.add_get("/api/events", self._events)
        app.router.add_get("/api/history", self._history)
        app.router.add_get("/metrics", self._exposition)
        app.router.add_post("/api/command", self._command)
        app.on_response_prepare.append(_add_headers)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            await self.close()
            raise MienError(f"the page cannot use port {port} ({error}); set kiosk.port to another, or 0") from error
        address = f"http://127.0.0.1:{self._runner.addresses[0][1]}/"
        _log.info("page   %s", address)
        return address

    async def close(self) -> None:
        """Send every reader away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _health(self, _: web.Request) -> web.Response:
        now = self._board.now
        return _json({"ok": now.available, "problems": now.problems()}, 200 if now.available else 503)

    async def _state(self, _: web.Request) -> web.Response:
        return _json(self._board.now.as_json())

    async def _events(self, request: web.Request) -> web.StreamResponse:
        return await stream(request, self._board)

    async def _history(self, request: web.Request) -> web.Response:
        try:
            since_s = parse_since(request.query.get("since", "24h"))
        except SettingsError as error:
            return _error(400, str(error))
        try:
            return _json(await self._rows(since_s))
        except MienError as error:
            return _error(503, str(error))

    async def _exposition(self, request: web.Request) -> web.Response:
        body, kind = self._metrics(request.headers.get("Accept", ""))
        return web.Response(body=body, headers={"Content-Type": kind})

    async def _command(self, request: web.Request) -> web.Response:
        if request.content_type != "application/json":
            return _error(415, "content type must be application/json")
        try:
            asked = msgspec.json.decode(await request.read(), type=_Asked)
        except (msgspec.DecodeError, RecursionError) as error:
            return _error(400, f'not understood: {error}; send {{"feature": "camera", "value": "OFF"}}')
        try:
            wish = wish_of(asked.feature, asked.value.encode(), self._board.now)
        except ActionError as error:
            return _error(400, str(error))
        try:
            await self._obey(wish)
        except (LinkError, ActionError) as error:
            return _error(409, f"nothing was done: {error}")
        _log.info("page: %s %s", asked.feature, asked.value)
        return _json({"sent": True})


async def _page(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(_FOLDER / _FILES[request.path])


async def _no_icon(_: web.Request) -> web.Response:
    return web.Response(status=204)


@web.middleware
async def _guard(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Refuse what another site's page could send: a foreign name that resolves to us, a foreign origin."""
    host = request.headers.get("Host", "")
    if _name(f"//{host}") not in _LOOPBACK:
        return _error(403, f"{host!r} is no name of this device's loopback")
    origin = request.headers.get("Origin")
    if request.method != "GET" and origin is not None and origin != f"http://{host}":
        return _error(403, "commands are taken from this page only")
    try:
        return await handler(request)
    except web.HTTPException as error:
        return _error(error.status, error.reason)


async def _add_headers(_: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)


def _name(url: str) -> str:
    """The host of `url`, without port and brackets; empty for nonsense."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return ""
    plain = parts.username is None and not (parts.path or parts.query or parts.fragment)
    return (parts.hostname or "") if plain else ""


def _json(document: object, status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), status=status, content_type="application/json")


def _error(status: int, text: str) -> web.Response:
    return _json({"error": text}, status)

"""Who is served: this page on this device, and nothing that another site makes a browser send."""

from collections.abc import Awaitable, Callable
from urllib.parse import urlsplit

from aiohttp import web

from device.hub.kiosk.answers import error

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what another site's page could send: a foreign name that resolves to us, a foreign origin."""
    host = request.headers.get("Host", "")
    if host_name(f"//{host}") not in _LOOPBACK:
        return error(403, f"{host!r} is no name of this device's loopback")
    origin = request.headers.get("Origin")
    if request.method != "GET" and origin is not None and origin != f"http://{host}":
        return error(403, "commands are taken from this page only")
    try:
        return await handler(request)
    except web.HTTPException as found:
        return error(found.status, found.reason)


async def add_headers(_: web.Request, response: web.StreamResponse) -> None:
    """On every answer, the refusals too."""
    response.headers.update(HEADERS)


def host_name(url: str) -> str:
    """The host of `url`, without port and brackets; empty for nonsense."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for a port that is none
    except ValueError:
        return ""
    plain = parts.username is None and not (parts.path or parts.query or parts.fragment)
    return (parts.hostname or "") if plain else ""

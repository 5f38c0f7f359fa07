"""The checks that every request passes before its route: rate, origin and login."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from urllib.parse import unquote

from aiohttp import web

from device.hub.web.auth.login import PUBLIC_PATHS, AuthMethod, Login
from device.hub.web.expect import allow_body
from device.hub.web.limits import TooManyError
from device.hub.web.request_origin import Client, check_cross_site, identify_client, is_own_host, parse_host
from device.hub.web.responses import error
from device.hub.web.transport.connections import HttpConnection
from device.system.rate_limiter import TokenBucket

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_SAFE_METHODS = ("GET", "HEAD")
_MAX_DECODINGS = 4


class RequestGuard:
    """The middleware that every request passes first, even one for a path without a route."""

    def __init__(self, names: frozenset[str], login: Login, body_timeout_s: float) -> None:
        """`names`: the host names that clients on the network may use for this device."""
        self._names = names
        self._login = login
        self._body_timeout_s = body_timeout_s
        self._address_rates = TokenBucket(per_s=20, burst=100)
        self._network_rates = TokenBucket(per_s=60, burst=300)
        self._local_rates = TokenBucket(per_s=200, burst=600)

    @web.middleware
    async def handle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve the request, or refuse it in JSON."""
        if isinstance(request.protocol, HttpConnection):
            request.protocol.headers_received()
        client = identify_client(request)
        try:
            if wait_s := self._take(request, client):
                raise TooManyError(wait_s)
            if refusal := self._check_origin(request, client):
                return refusal
            method, session = await self._login.authenticate(request, client)
        except TooManyError as problem:
            return error(429, str(problem), {"Retry-After": str(problem.wait_s)})
        if refusal := _check_access(request, method):
            return refusal
        with self._login.sessions.track(session, request.transport) if session else contextlib.nullcontext():
            return await _call_handler(request, handler, self._body_timeout_s)

    def _take(self, request: web.Request, client: Client) -> float:
        """Count a request and return 0.0, or return the seconds to wait."""
        keys = client.limit_keys
        if client.is_local:
            return self._local_rates.take(keys.address)
        if session := self._login.find_session(request):
            return self._address_rates.take(f"session {session}")
        wait_s = self._address_rates.take(keys.address)
        return wait_s or (self._network_rates.take(keys.network) if keys.network else 0.0)

    def _check_origin(self, request: web.Request, client: Client) -> web.Response | None:
        """A refusal if the page itself cannot have sent this request; None otherwise."""
        if not request.raw_path.startswith("/"):
            return error(400, "this is not a proxy")
        if _is_unsafe_path(request.raw_path.partition("?")[0]):
            return error(404, "Not Found")
        host = parse_host(request)
        if not host or not is_own_host(host, client, self._names):
            given = request.headers.get("Host", "")
            return error(403, f"{given!r} is not a name of this device; add it to kiosk.allowed_hosts in the settings")
        if reason := check_cross_site(request, client):
            return error(403, reason)
        return None


async def _call_handler(request: web.Request, handler: Handler, body_timeout_s: float) -> web.StreamResponse:
    """Read the whole body, then call the handler. Turns aiohttp's refusals into JSON."""
    try:
        if request.method not in _SAFE_METHODS and request.can_read_body:
            allow_body(request)
            async with asyncio.timeout(body_timeout_s):
                await request.read()  # aiohttp keeps it for the handler
    except TimeoutError:
        return error(408, "the body of the request did not arrive in time")
    except web.RequestPayloadError:
        return error(400, "the body of the request does not match its headers")
    except web.HTTPRequestEntityTooLarge as problem:
        return error(problem.status, problem.reason)
    try:
        return await handler(request)
    except web.HTTPException as problem:
        if problem.status < 400:
            raise
        allowed = problem.headers.get("Allow")
        return error(problem.status, problem.reason, {"Allow": allowed} if allowed else None)


def _check_access(request: web.Request, method: AuthMethod) -> web.Response | None:
    """A refusal for a client that has not logged in or may not do this; None otherwise."""
    changes = request.method not in _SAFE_METHODS or "upgrade" in request.headers.get("Connection", "").lower()
    # Another site's page can make a browser send our cookie, so a change needs an Origin, which proves our own page.
    if method is AuthMethod.SESSION and changes and "Origin" not in request.headers:
        return error(403, "with a session cookie, this request needs an Origin header")
    if method is not AuthMethod.NONE or request.path in PUBLIC_PATHS:
        return None
    if request.method in _SAFE_METHODS and "text/html" in request.headers.get("Accept", ""):
        return web.Response(status=303, headers={"Location": "/login"})
    return error(401, "log in at /login, or send the password as a bearer token", {"WWW-Authenticate": "Bearer"})


def _is_unsafe_path(path: str) -> bool:
    """Whether a path climbs out of its folder, even behind up to _MAX_DECODINGS layers of percent-encoding."""
    for _ in range(_MAX_DECODINGS):
        if "\\" in path or "\0" in path or {".", ".."} & set(path.split("/")):
            return True
        encoded, path = path, unquote(path)
        if path == encoded:
            return False
    return True

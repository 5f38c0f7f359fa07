"""Who is served what: the walls that each request has to pass, in order."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType
from urllib.parse import unquote

from aiohttp import web

from device.hub.web.auth.login import PUBLIC, AuthMethod, Login
from device.hub.web.auth.rate_limit import RequestRates, TooManyError
from device.hub.web.request_origin import Client, identify_client, is_cross_site, is_ours, parse_host
from device.hub.web.responses import error
from device.hub.web.transport.connections import HttpConnection

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

BODY_S = 10.0
"""The whole of a request's body must be there; it has four kilobytes at most."""
_READS = ("GET", "HEAD")
_DECODINGS = 4
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class RequestGuard:
    """Stands in front of every route, those that are none included."""

    def __init__(self, names: frozenset[str], login: Login) -> None:
        """`names` are those that the house may use for this device."""
        self._names = names
        self._login = login
        self._house = RequestRates(per_s=20, burst=100)
        self._here = RequestRates(per_s=200, burst=600)

    @web.middleware
    async def stand(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Serve the request, or refuse it in JSON."""
        if isinstance(request.protocol, HttpConnection):
            request.protocol.heard()
        caller = identify_client(request)
        try:
            (self._here if caller.local else self._house).take(caller.key)
            if refusal := self._strange(request, caller):
                return refusal
            way, session = await self._login.way(request, caller)
        except TooManyError as found:
            return _refused(429, str(found), {"Retry-After": str(found.wait_s)})
        if refusal := _outside(request, way):
            return refusal
        with self._login.sessions.reading(session, request.transport) if session else contextlib.nullcontext():
            return await _answered(request, handler)

    def _strange(self, request: web.Request, caller: Client) -> web.Response | None:
        """The refusal of what no page of ours sends; None where it may be one."""
        if not request.raw_path.startswith("/"):
            return error(400, "this is no proxy")
        if _strays(request.raw_path.partition("?")[0]):
            return error(404, "Not Found")
        host = parse_host(request)
        if not host or not is_ours(host, caller, self._names):
            given = request.headers.get("Host", "")
            return error(403, f"{given!r} is no name of this device here; kiosk.allowed_hosts can tell more of them")
        if why := is_cross_site(request, caller):
            return error(403, why)
        return None


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """With the whole body there; what aiohttp has to refuse, in JSON."""
    try:
        if request.method not in _READS and request.can_read_body:
            async with asyncio.timeout(BODY_S):
                await request.read()  # is kept for the handler
    except TimeoutError:
        return _refused(408, "the request's body did not come")
    except web.RequestPayloadError:
        return _refused(400, "the request's body is not what its headers say")
    except web.HTTPRequestEntityTooLarge as found:
        return _refused(found.status, found.reason)
    try:
        return await handler(request)
    except web.HTTPException as found:
        if found.status < 400:
            raise
        allowed = found.headers.get("Allow")
        return _refused(found.status, found.reason, {"Allow": allowed} if allowed else {})


def _outside(request: web.Request, way: AuthMethod) -> web.Response | None:
    """The refusal of who has not come in, or may not do what it asks; None where it may."""
    changes = request.method not in _READS or "upgrade" in request.headers.get("Connection", "").lower()
    # A cookie goes along with what a foreign page makes a browser send; then its Origin has to tell that it is ours.
    if way is AuthMethod.SESSION and changes and "Origin" not in request.headers:
        return error(403, "where a session asks for this, its Origin has to be told")
    if way is not AuthMethod.NONE or request.path in PUBLIC:
        return None
    if request.method in _READS and "text/html" in request.headers.get("Accept", ""):
        return web.Response(status=303, headers={"Location": "/login"})
    return _refused(401, "log in at /login, or send the password as a bearer", {"WWW-Authenticate": "Bearer"})


def _refused(status: int, text: str, headers: Mapping[str, str] = _NO_HEADERS) -> web.Response:
    answer = error(status, text)
    answer.headers.update(headers)
    return answer


def _strays(path: str) -> bool:
    """Whether a path leads up, or hides that it does."""
    for _ in range(_DECODINGS):
        if "\\" in path or "\0" in path or {".", ".."} & set(path.split("/")):
            return True
        before, path = path, unquote(path)
        if path == before:
            return False
    return True

"""Who is let in from the house: by a session's cookie or the password itself. The page where it is asked for."""

import html
from enum import Enum, auto
from pathlib import Path
from urllib.parse import parse_qs

import msgspec
from aiohttp import web
from msgspec import Struct

from device.hub.web.auth.authenticator import Authenticator
from device.hub.web.auth.rate_limit import TooManyError
from device.hub.web.auth.sessions import KEPT_S, Sessions
from device.hub.web.request_origin import Client, identify_client
from device.hub.web.responses import error, json

PAGE = Path(__file__).parents[1] / "static" / "login.html"
PUBLIC = ("/login", "/login.css", "/favicon.ico")
"""All that is served before."""
_PLACE = "<!-- said -->"


class AuthMethod(Enum):
    """By which somebody came in."""

    LOCAL = auto()
    BEARER = auto()
    SESSION = auto()
    NONE = auto()


class _Asked(Struct, frozen=True, forbid_unknown_fields=True):
    password: str


class Login:
    """The door for the house; without a `lock`, there is none, and only this device itself is served."""

    def __init__(self, lock: Authenticator | None, sessions: Sessions) -> None:
        self._lock = lock
        self.sessions = sessions

    def routes(self) -> list[web.RouteDef]:
        """For the server."""
        return [
            web.get("/login", self._page),
            web.post("/login", self._login),
            web.post("/logout", self._logout),
        ]

    async def way(self, request: web.Request, caller: Client) -> tuple[AuthMethod, str]:
        """How who asks comes in, and the session's name. Raises TooManyError after too many wrong passwords."""
        if caller.local:
            return AuthMethod.LOCAL, ""
        if self._lock is None:
            return AuthMethod.NONE, ""
        kind, _, given = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and given:
            opened = await self._lock.opens(_utf8(given.strip()), caller.key)
            return (AuthMethod.BEARER, "bearer") if opened else (AuthMethod.NONE, "")
        name = self._session(request)
        return (AuthMethod.SESSION, name) if name else (AuthMethod.NONE, "")

    async def look(self) -> None:
        """See whether the password's file has changed; then everybody has to log in again."""
        if self._lock and self._lock.look():
            await self.sessions.only(self._lock.mark)
        await self.sessions.look()

    async def begin(self) -> None:
        """Once at the start: sessions of a former password are no more."""
        if self._lock:
            await self.sessions.only(self._lock.mark)

    async def _page(self, request: web.Request) -> web.Response:
        caller = identify_client(request)
        if caller.local or self._session(request):
            return _elsewhere("/")
        return _page(200)

    async def _login(self, request: web.Request) -> web.Response:
        caller = identify_client(request)
        form = request.content_type == "application/x-www-form-urlencoded"
        if caller.local:
            return _elsewhere("/") if form else json({"open": True})
        if self._lock is None:
            return error(403, "no kiosk.password_file is set: only this device itself is served")
        try:
            password = _password(await request.read(), request.content_type)
        except LookupError as found:
            return error(415 if not form and request.content_type != "application/json" else 400, str(found))
        try:
            opened = await self._lock.opens(password, caller.key)
        except TooManyError as found:
            answer = _page(429, str(found)) if form else error(429, str(found))
            answer.headers["Retry-After"] = str(found.wait_s)
            return answer
        if not opened:
            said = "That was not the password."
            return _page(401, said) if form else error(401, said)
        if old := self._session(request):
            await self.sessions.end(old, request.transport)
        answer = _elsewhere("/") if form else json({"open": True})
        token = await self.sessions.begin(self._lock.mark)
        # Behind a proxy, only the browser's own word tells whether it speaks TLS.
        secure = request.secure or request.headers.get("Origin", "").startswith("https:")
        answer.set_cookie(
            _cookie(secure=secure), token, max_age=KEPT_S, path="/", secure=secure, httponly=True, samesite="Strict"
        )
        return answer

    async def _logout(self, request: web.Request) -> web.Response:
        if name := self._session(request):
            await self.sessions.end(name, request.transport)
        answer = _elsewhere("/login") if "text/html" in request.headers.get("Accept", "") else json({"open": False})
        for secure in (False, True):
            answer.del_cookie(_cookie(secure=secure), path="/", secure=secure, httponly=True, samesite="Strict")
        return answer

    def _session(self, request: web.Request) -> str:
        """The name of this request's session; empty without one."""
        if self._lock is None:
            return ""
        # Over TLS, only the name that no plain page of this device can have set.
        names = [_cookie(secure=True)] if request.secure else [_cookie(secure=False), _cookie(secure=True)]
        tokens = (request.cookies.get(name, "") for name in names)
        return next((known for token in tokens if token and (known := self.sessions.known(token, self._lock.mark))), "")


def _cookie(*, secure: bool) -> str:
    return "__Host-mien" if secure else "mien"


def _password(body: bytes, kind: str) -> str:
    """What was typed. Raises LookupError, which says what was expected, and never what was sent."""
    try:
        match kind:
            case "application/json":
                return msgspec.json.decode(body, type=_Asked).password
            case "application/x-www-form-urlencoded":
                text = body.decode()
                return parse_qs(text, strict_parsing=True, max_num_fields=4, errors="strict")["password"][0]
    except (msgspec.DecodeError, ValueError, RecursionError, KeyError):
        pass
    raise LookupError('the password is expected as a form\'s field, or as {"password": "..."}')


def _page(status: int, said: str = "") -> web.Response:
    text = PAGE.read_text(encoding="utf-8").replace(_PLACE, html.escape(said))
    return web.Response(text=text, status=status, content_type="text/html")


def _elsewhere(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})


def _utf8(header: str) -> str:
    """A header's text as it was sent: HTTP itself has bytes there."""
    return header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

"""Login by a session cookie, the password itself or this device's own key; and the login page."""

import html
from enum import Enum, auto
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
from aiohttp import web
from msgspec import Struct

from device.hub.web.auth.authenticator import Authenticator
from device.hub.web.auth.local_key import LocalKey
from device.hub.web.auth.sessions import SESSION_S, Sessions
from device.hub.web.known_addresses import KnownAddresses
from device.hub.web.limits import TooManyError
from device.hub.web.request_origin import Client, identify_client
from device.hub.web.responses import error, json

PAGE = Path(__file__).parents[1] / "static" / "login.html"
_START_PAGE = PAGE.with_name("start.html")
PUBLIC_PATHS = ("/login", "/login.css", "/favicon.ico", "/start", "/start.js")
"""The paths that are served without a login."""
_COOKIE: dict[str, Any] = {"path": "/", "httponly": True, "samesite": "Strict"}


class AuthMethod(Enum):
    """How a client has proved that it may use the page."""

    LOCAL = auto()
    BEARER = auto()
    SESSION = auto()
    NONE = auto()


class _LoginRequest(Struct, frozen=True, forbid_unknown_fields=True):
    password: str


class Login:
    """The login for the network. Without an `authenticator` only this device itself is served.

    With a `local_key` this device has to log in, too: by the password or by the key.
    """

    def __init__(
        self, authenticator: Authenticator | None, sessions: Sessions, local_key: LocalKey | None = None
    ) -> None:
        self._authenticator = authenticator
        self._local_key = local_key
        self.sessions = sessions

    def routes(self) -> list[web.RouteDef]:
        """The routes to add to the server."""
        return [
            web.get("/start", _get_start_page),
            web.get("/login", self._get_page),
            web.post("/login", self._log_in),
            web.post("/logout", self._log_out),
        ]

    async def authenticate(self, request: web.Request, client: Client) -> tuple[AuthMethod, str]:
        """How the client authenticates, and its session's name. Raises TooManyError after too many wrong passwords."""
        if self._needs_no_login(client):
            return AuthMethod.LOCAL, ""
        if self._authenticator is None:
            return AuthMethod.NONE, ""
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token:
            if self._is_key(token.strip(), client):
                return AuthMethod.BEARER, "bearer"
            right = await self._authenticator.check(_decode_header(token.strip()), client.limit_keys)
            return (AuthMethod.BEARER, "bearer") if right else (AuthMethod.NONE, "")
        name = self.find_session(request)
        if name:
            self._authenticator.known.add(client.limit_keys.address)
        return (AuthMethod.SESSION, name) if name else (AuthMethod.NONE, "")

    @property
    def known(self) -> KnownAddresses:
        """The addresses from which somebody has logged in."""
        return self._authenticator.known if self._authenticator else KnownAddresses()

    async def reload_if_changed(self) -> None:
        """Reload the password file if it has changed; then everybody has to log in again."""
        if self._authenticator and self._authenticator.reload_if_changed():
            await self.sessions.keep_only(self._authenticator.password_id)
        await self.sessions.adjust_to_clock()

    async def start(self) -> None:
        """Drop sessions that were opened with an earlier password."""
        if self._authenticator:
            await self.sessions.keep_only(self._authenticator.password_id)

    async def _get_page(self, request: web.Request) -> web.Response:
        if self._needs_no_login(identify_client(request)) or self.find_session(request):
            return _redirect("/")
        return _render_page(200)

    async def _log_in(self, request: web.Request) -> web.Response:
        client = identify_client(request)
        is_form = request.content_type == "application/x-www-form-urlencoded"
        if self._needs_no_login(client):
            return _redirect("/") if is_form else json({"open": True})
        if self._authenticator is None:
            return error(403, "only this device itself is served; for a login, set kiosk.password_file")
        try:
            password = _parse_password(await request.read(), request.content_type)
        except LookupError as problem:
            return error(415 if not is_form and request.content_type != "application/json" else 400, str(problem))
        is_kiosk = self._is_key(password, client)
        try:
            right = is_kiosk or await self._authenticator.check(password, client.limit_keys)
        except TooManyError as problem:
            response = _render_page(429, str(problem)) if is_form else error(429, str(problem))
            response.headers["Retry-After"] = str(problem.wait_s)
            return response
        if not right:
            return _render_page(401, "Wrong password.") if is_form else error(401, "Wrong password.")
        if old := self.find_session(request):
            await self.sessions.end(old, request.transport)
        response = _redirect("/") if is_form else json({"open": True})
        token = await self.sessions.create(self._authenticator.password_id, is_kiosk=is_kiosk)
        # Behind a proxy, only the Origin shows whether the browser uses TLS.
        secure = request.secure or request.headers.get("Origin", "").startswith("https:")
        response.set_cookie(_cookie_name(secure=secure), token, max_age=SESSION_S, secure=secure, **_COOKIE)
        return response

    async def _log_out(self, request: web.Request) -> web.Response:
        if name := self.find_session(request):
            await self.sessions.end(name, request.transport)
        response = _redirect("/login") if "text/html" in request.headers.get("Accept", "") else json({"open": False})
        for secure in (False, True):
            response.del_cookie(_cookie_name(secure=secure), secure=secure, **_COOKIE)
        return response

    def _needs_no_login(self, client: Client) -> bool:
        return client.is_local and self._local_key is None

    def _is_key(self, text: str, client: Client) -> bool:
        """Whether `text` is the key that only root and the user of hub can read. It counts on this device alone."""
        return client.is_local and self._local_key is not None and self._local_key.matches(text)

    def find_session(self, request: web.Request) -> str:
        """The name of the request's session; "" without one."""
        if self._authenticator is None:
            return ""
        # Over TLS, accept only the cookie that a page served without TLS from this device cannot have set.
        names = [_cookie_name(secure=True)] if request.secure else [_cookie_name(secure=s) for s in (False, True)]
        tokens = (request.cookies.get(name, "") for name in names)
        sessions = (self.sessions.find(token, self._authenticator.password_id) for token in tokens if token)
        return next(filter(None, sessions), "")


async def _get_start_page(_: web.Request) -> web.StreamResponse:
    return web.FileResponse(_START_PAGE)


def _cookie_name(*, secure: bool) -> str:
    return "__Host-mien" if secure else "mien"


def _parse_password(body: bytes, content_type: str) -> str:
    """The password in a form or in JSON. Raises LookupError, whose text never quotes the body."""
    try:
        match content_type:
            case "application/json":
                return msgspec.json.decode(body, type=_LoginRequest).password
            case "application/x-www-form-urlencoded":
                text = body.decode()
                return parse_qs(text, strict_parsing=True, max_num_fields=4, errors="strict")["password"][0]
    except (msgspec.DecodeError, ValueError, RecursionError, KeyError):
        pass
    raise LookupError('send the password as a form field, or as JSON: {"password": "..."}')


def _render_page(status: int, message: str = "") -> web.Response:
    text = PAGE.read_text(encoding="utf-8").replace("<!-- message -->", html.escape(message))
    return web.Response(text=text, status=status, content_type="text/html")


def _redirect(path: str) -> web.Response:
    return web.Response(status=303, headers={"Location": path})


def _decode_header(header: str) -> str:
    """Decode a header as UTF-8; aiohttp leaves its non-ASCII bytes as surrogates."""
    return header.encode("utf-8", "surrogateescape").decode("utf-8", "replace")

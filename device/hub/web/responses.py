"""JSON responses, and the security headers of every response: no foreign content, no framing, no caching."""

import re
from collections.abc import Mapping

import msgspec
from aiohttp import web

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data: blob:",
    "connect-src": "'self'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
}
_LOGIN = _POLICY | {"script-src": "'none'", "connect-src": "'none'", "form-action": "'self'"}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Server": "Mien",
}
LOGIN_HEADERS = HEADERS | {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _LOGIN.items()),
    # With no-referrer, a browser would send `Origin: null` with a form.
    "Referrer-Policy": "same-origin",
}


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers to every response, error responses included."""
    own = response.headers.get("Content-Security-Policy")
    response.headers.update(LOGIN_HEADERS if request.path == "/login" else HEADERS)
    if own is not None:  # drawn faces have a stricter policy than the page
        response.headers["Content-Security-Policy"] = own
    static = response.status in (200, 304) and request.path.endswith((".js", ".css", ".svg"))
    response.headers.setdefault("Cache-Control", "no-cache" if static else "no-store")
    # A browser applies it to every port of the host name. So send it only on port 443: otherwise a service without TLS
    # on another port of this device could not be opened any more.
    if request.secure and not re.search(r":[0-9]*\Z", request.headers.get("Host", ":")):
        response.headers["Strict-Transport-Security"] = "max-age=31536000"


def json(document: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """A response with `document` as JSON, encoded by msgspec."""
    body = msgspec.json.encode(document)
    return web.Response(body=body, status=status, headers=headers, content_type="application/json")


def error(status: int, text: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error response with a text for people."""
    return json({"error": text}, status, headers)

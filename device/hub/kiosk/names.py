"""Under which names this device is asked, and from which pages: against DNS rebinding and foreign sites."""

import re
import socket
from collections.abc import Iterable

from aiohttp import web

from device.hub.kiosk.callers import Caller, address_of

_HOST = re.compile(
    r"(?:\[([0-9a-f.]*:[0-9a-f:.]*)\]|([a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?))(?::([0-9]{1,5}))?", re.ASCII
)
_ENTRANCES = ("/", "/login")


def own_names(given: Iterable[str]) -> frozenset[str]:
    """The settings' names, this machine's, and its name in the house (mDNS)."""
    name = socket.gethostname().lower()
    return frozenset({*(one.lower() for one in given), name, f"{name.partition('.')[0]}.local"} - {"localhost"})


def host_of(request: web.Request) -> str:
    """The host that is asked for, without port and brackets; empty where there is none, several, or nonsense."""
    given = request.headers.getall("Host", [])
    found = _HOST.fullmatch(given[0].lower()) if len(given) == 1 else None
    if not found or not 0 < int(found[3] or 80) < 65_536:
        return ""
    return str(found[1] or found[2])


def is_ours(host: str, caller: Caller, names: frozenset[str]) -> bool:
    """Whether `host` means this device, for who asks.

    An address has to be the one that was reached. A name counts for the house alone: whoever can answer for a name in
    the house's network could lead this device's own browser here by it, where no password is asked.
    """
    if (address := address_of(host)) is not None:
        return address == caller.own or (caller.here and address.is_loopback)
    return (caller.here and host == "localhost") or (not caller.local and host in names)


def foreign(request: web.Request, caller: Caller) -> str:
    """Why another site's page is behind this request; empty where nothing says so."""
    host = request.headers.get("Host", "").lower()
    origins = request.headers.getall("Origin", [])
    # Behind a proxy, the browser may speak TLS with the proxy alone.
    schemes = ("http", "https") if caller.forwarded else (request.scheme,)
    if origins and (len(origins) > 1 or origins[0].lower() not in {f"{scheme}://{host}" for scheme in schemes}):
        return "another page's request is not answered"
    site = request.headers.getall("Sec-Fetch-Site", ["none"])
    if site in (["none"], ["same-origin"]) or _visit(request):
        return ""
    return "another site's request is not answered"


def _visit(request: web.Request) -> bool:
    """Whether somebody follows a link to the page."""
    mode, kind = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    return request.method == "GET" and mode == "navigate" and kind == "document" and request.path in _ENTRANCES

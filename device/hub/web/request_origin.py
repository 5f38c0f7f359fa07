"""Who asks: this device itself, a proxy on it, or the house."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORWARDED = frozenset(
    ("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip")
)


@dataclass(frozen=True)
class Client:
    """The other end of a request, as its socket knows it; no header makes it more trusted."""

    peer: Address | None
    own: Address | None
    """Under which of this device's addresses it came."""
    forwarded: bool
    """It says itself that somebody else asked first."""

    @property
    def here(self) -> bool:
        """Whether the connection began on this device: a proxy's does, too."""
        return bool(self.peer and self.own and self.peer.is_loopback and self.own.is_loopback)

    @property
    def local(self) -> bool:
        """Whether this device itself asks: the only one that needs no password."""
        return self.here and not self.forwarded

    @property
    def key(self) -> str:
        """Whom a limit counts."""
        return ("proxy " if self.here and self.forwarded else "") + rate_limit_key(self.peer)


def identify_client(request: web.Request) -> Client:
    """Of this request. A connection that is gone already is nobody's, and never local."""
    sides = (request.get_extra_info(name) for name in ("peername", "sockname"))
    peer, own = (parse_address(str(side[0])) if side else None for side in sides)
    forwarded = any(name.lower() in _FORWARDED or name.lower().startswith("x-forwarded") for name in request.headers)
    return Client(peer, own, forwarded)


def parse_address(text: str) -> Address | None:
    """An IP address without its zone; one of IPv4 that came over IPv6 as itself; None for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def rate_limit_key(address: Address | None) -> str:
    """One household member: an address, or the 64-bit network of IPv6 in which a device has as many as it likes."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)


_HOST = re.compile(
    r"(?:\[([0-9a-f.]*:[0-9a-f:.]*)\]|([a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?))(?::([0-9]{1,5}))?", re.ASCII
)
_ENTRANCES = ("/", "/login")


def own_names(given: Iterable[str]) -> frozenset[str]:
    """The settings' names, this machine's, and its name in the house (mDNS)."""
    name = socket.gethostname().lower()
    return frozenset({*(one.lower() for one in given), name, f"{name.partition('.')[0]}.local"} - {"localhost"})


def parse_host(request: web.Request) -> str:
    """The host that is asked for, without port and brackets; empty where there is none, several, or nonsense."""
    given = request.headers.getall("Host", [])
    found = _HOST.fullmatch(given[0].lower()) if len(given) == 1 else None
    if not found or not 0 < int(found[3] or 80) < 65_536:
        return ""
    return str(found[1] or found[2])


def is_ours(host: str, caller: Client, names: frozenset[str]) -> bool:
    """Whether `host` means this device, for who asks.

    An address has to be the one that was reached. A name counts for the house alone: whoever can answer for a name in
    the house's network could lead this device's own browser here by it, where no password is asked.
    """
    if (address := parse_address(host)) is not None:
        return address == caller.own or (caller.here and address.is_loopback)
    return (caller.here and host == "localhost") or (not caller.local and host in names)


def is_cross_site(request: web.Request, caller: Client) -> str:
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

"""Where a request comes from: this device, a proxy on it, or the network; and which site's page sent it."""

import ipaddress
import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORWARDING_HEADERS = frozenset(
    ("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip")
)


@dataclass(frozen=True)
class Client:
    """The other end of a request's connection. No header makes it more trusted."""

    peer: Address | None
    own: Address | None
    """The address of this device that the client connected to."""
    forwarded: bool
    """The request has a header that says it was forwarded for somebody else."""
    last_hop: Address | None = None
    """For whom a proxy on this device has forwarded it, by the entry that this proxy itself has appended."""

    @property
    def is_loopback(self) -> bool:
        """Whether the connection comes from this device, which is also true for a proxy on it."""
        return bool(self.peer and self.own and self.peer.is_loopback and self.own.is_loopback)

    @property
    def is_local(self) -> bool:
        """Whether the request comes from this device itself. Then no password is needed, unless the settings say so."""
        return self.is_loopback and not self.forwarded

    @property
    def limit_keys(self) -> "LimitKeys":
        """The keys under which limits count this client. A header decides nothing else."""
        if not (self.is_loopback and self.forwarded):
            return get_limit_keys(self.peer)
        keys = get_limit_keys(self.last_hop or self.peer)
        return LimitKeys(f"proxy {keys.address}", f"proxy {keys.network}" if keys.network else "")


class LimitKeys(NamedTuple):
    """What limits count: each device by its address, and all of an IPv6 network with a larger share.

    One device can use every address of a /64; at home, the /64 is the whole house.
    """

    address: str
    network: str
    """The /64; empty for IPv4."""


def identify_client(request: web.Request) -> Client:
    """Who sent a request. If the connection is already closed, the client has no address and never counts as local."""
    names = (request.get_extra_info(name) for name in ("peername", "sockname"))
    peer, own = (parse_address(str(name[0])) if name else None for name in names)
    headers = map(str.lower, request.headers)
    forwarded = any(name in _FORWARDING_HEADERS or name.startswith("x-forwarded") for name in headers)
    # Earlier entries come from the client, which may have written anything.
    hops = ",".join(request.headers.getall("X-Forwarded-For", [])).rpartition(",")[2].strip()
    return Client(peer, own, forwarded, parse_address(hops.removeprefix("[").partition("]")[0]))


def parse_address(text: str) -> Address | None:
    """An IP address without its zone. IPv4 mapped into IPv6 becomes IPv4. None for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def get_limit_keys(address: Address | None) -> LimitKeys:
    """The keys of an address."""
    network = ""
    if isinstance(address, ipaddress.IPv6Address):
        network = str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return LimitKeys(str(address), network)


_HOST = re.compile(
    r"(?:\[([0-9a-f.]*:[0-9a-f:.]*)\]|([a-z0-9](?:[a-z0-9._-]{0,251}[a-z0-9])?))(?::([0-9]{1,5}))?", re.ASCII
)
_ENTRY_PAGES = ("/", "/login", "/start")


def get_own_names(allowed_hosts: Iterable[str]) -> frozenset[str]:
    """The names of this device: the ones in the settings, its host name, and its mDNS name (HOST.local)."""
    name = socket.gethostname().lower()
    own = {name, f"{name.partition('.')[0]}.local", *map(str.lower, allowed_hosts)}
    return frozenset(own - {"localhost"})


def parse_host(request: web.Request) -> str:
    """The Host header without port and brackets; "" if it is missing, repeated or malformed."""
    given = request.headers.getall("Host", [])
    match = _HOST.fullmatch(given[0].lower()) if len(given) == 1 else None
    if not match or not 0 < int(match[3] or 80) < 65_536:
        return ""
    return str(match[1] or match[2])


def is_own_host(host: str, client: Client, names: frozenset[str]) -> bool:
    """Whether `host` refers to this device when this client sends it.

    An address must be the one the client connected to. A name is accepted only from the network: otherwise whoever
    controls a name in the local network could direct this device's own browser here, where no password is needed.
    """
    if (address := parse_address(host)) is not None:
        return address == client.own or (client.is_loopback and address.is_loopback)
    return (client.is_loopback and host == "localhost") or (not client.is_local and host in names)


def check_cross_site(request: web.Request, client: Client) -> str:
    """How we know that the request comes from another site's page; "" if nothing suggests it."""
    host = request.headers.get("Host", "").lower()
    origins = request.headers.getall("Origin", [])
    # With a proxy in between, the browser may use TLS to the proxy while the proxy uses plain HTTP to us.
    schemes = ("http", "https") if client.forwarded else (request.scheme,)
    if origins and (len(origins) > 1 or origins[0].lower() not in {f"{scheme}://{host}" for scheme in schemes}):
        return "requests from another origin are refused"
    site = request.headers.getall("Sec-Fetch-Site", ["none"])
    if site in (["none"], ["same-origin"]) or _is_navigation(request):
        return ""
    return "requests from another site are refused"


def _is_navigation(request: web.Request) -> bool:
    """Whether somebody follows a link to the page."""
    mode, kind = request.headers.get("Sec-Fetch-Mode"), request.headers.get("Sec-Fetch-Dest")
    return request.method == "GET" and mode == "navigate" and kind == "document" and request.path in _ENTRY_PAGES

"""Who asks: this device itself, a proxy on it, or the house."""

import ipaddress
from dataclasses import dataclass

from aiohttp import web

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORWARDED = frozenset(
    ("forwarded", "via", "x-real-ip", "x-client-ip", "x-cluster-client-ip", "true-client-ip", "cf-connecting-ip")
)


@dataclass(frozen=True)
class Caller:
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
        return ("proxy " if self.here and self.forwarded else "") + counted(self.peer)


def caller_of(request: web.Request) -> Caller:
    """Of this request. A connection that is gone already is nobody's, and never local."""
    sides = (request.get_extra_info(name) for name in ("peername", "sockname"))
    peer, own = (address_of(str(side[0])) if side else None for side in sides)
    forwarded = any(name.lower() in _FORWARDED or name.lower().startswith("x-forwarded") for name in request.headers)
    return Caller(peer, own, forwarded)


def address_of(text: str) -> Address | None:
    """An IP address without its zone; one of IPv4 that came over IPv6 as itself; None for anything else."""
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, ipaddress.IPv6Address) else address


def counted(address: Address | None) -> str:
    """One household member: an address, or the 64-bit network of IPv6 in which a device has as many as it likes."""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((int(address) >> 64 << 64, 64)))
    return str(address)

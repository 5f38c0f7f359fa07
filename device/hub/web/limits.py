"""Limits on the number, size and duration of requests to the web server."""

import math
from dataclasses import dataclass

from aiohttp import web

from device.errors import MienError


@dataclass(frozen=True)
class WebLimits:
    """The limits of one web server."""

    max_network: int = 128
    """Simultaneous connections from the network. Any further one is closed at once."""
    max_per_address: int = 32
    """How many of them one address may have, so that no client can use them all."""
    max_per_network: int = 64
    """How many of them one IPv6 /64 may have."""
    max_known: int = 64
    """Connections of addresses from which somebody has logged in. They are counted separately, so that nobody who has
    not logged in can shut them out."""
    max_local: int = 256
    """Connections from this device itself. They are counted separately, so that the network cannot lock it out."""
    handshake_timeout_s: float = 10.0
    headers_timeout_s: float = 10.0
    """Time to receive all headers of the first request. aiohttp itself has no such timeout."""
    keepalive_timeout_s: float = 20.0
    """Time to receive all headers of the next request, counted from the previous response."""
    body_timeout_s: float = 10.0
    """Time to receive the whole body of a request."""
    max_body_bytes: int = 4096
    export_wait_s: float = 300.0
    """Time that an export waits while others are sent."""
    reload_interval_s: float = 2.0
    """How often the server looks for a changed password or certificate."""
    max_event_readers: int = 64
    event_ping_interval_s: float = 10.0
    """The ping is an event, since a page cannot see comments. The page reports a lost connection after 25 s without."""
    stuck_timeout_s: float = 30.0
    """A reader of events that has read nothing for this long is disconnected."""
    live_ping_interval_s: float = 4.0
    """A viewer of the live view that does not answer a ping within half of this is disconnected."""


LIMITS = web.AppKey("limits", WebLimits)
"""Where the server's application has its limits, for the routes."""


class TooManyError(MienError):
    """A client sends requests too often and should try again after `wait_s`."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(f"too many requests; try again in {self.wait_s} s")

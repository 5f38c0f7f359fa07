"""Limits on the number, size and duration of requests to the web server."""

import math
from dataclasses import dataclass

from device.errors import MienError


@dataclass(frozen=True)
class WebLimits:
    """The limits of one web server."""

    max_network: int = 128
    """Simultaneous connections from the network. Any further one is closed at once."""
    max_per_address: int = 32
    """How many of them one address may have, so that no client can use them all."""
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
    reload_interval_s: float = 2.0
    """How often the server looks for a changed password or certificate."""


class TooManyError(MienError):
    """A client sends requests too often and should try again after `wait_s`."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(f"too many requests; try again in {self.wait_s} s")

"""How many, how large and how slow requests to the web server may be."""

import math
from dataclasses import dataclass

from device.errors import MienError


@dataclass(frozen=True)
class WebLimits:
    """The limits of one web server."""

    max_network: int = 128
    """Connections from the network at a time. One more is closed at once."""
    max_per_address: int = 32
    """Of these from one address, so that nobody can take all."""
    max_local: int = 256
    """Connections from this device itself. They are counted apart, so that the network cannot lock it out."""
    handshake_timeout_s: float = 10.0
    headers_timeout_s: float = 10.0
    """For all headers of the first request. aiohttp itself has no such timeout."""
    keepalive_timeout_s: float = 20.0
    """After an answer, for all headers of the next request."""
    body_timeout_s: float = 10.0
    """For the whole body of a request."""
    max_body_bytes: int = 4096
    reload_interval_s: float = 2.0
    """How often the server looks for a changed password or certificate."""


class TooManyError(MienError):
    """A client asks too often; `wait_s` is when to try again."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(f"too many requests; try again in {self.wait_s} s")

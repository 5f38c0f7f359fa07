"""How many, how large and how slow requests to the web server may be."""

from dataclasses import dataclass


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


DEFAULT_LIMITS = WebLimits()

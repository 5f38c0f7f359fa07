"""The newest changes of mood, numbered: what a page that was away for a moment has missed."""

import secrets
from collections import deque

import msgspec
from msgspec import Struct

from device.hub.state import Json

KEPT = 512
"""Hours of a lively room; who was away for longer asks the history."""


class Told(Struct, frozen=True):
    """One change, ready to be sent."""

    number: int
    text: str
    """JSON."""


class Changes:
    """A ring of them. Numbers begin at 1 with each start of hub, which `boot` tells apart."""

    def __init__(self) -> None:
        self.boot = secrets.token_hex(4)
        self._ring: deque[Told] = deque(maxlen=KEPT)
        self._last = 0

    @property
    def last(self) -> int:
        """The newest one's number; 0 before the first."""
        return self._last

    def add(self, change: Json) -> None:
        """One more."""
        self._last += 1
        self._ring.append(Told(self._last, msgspec.json.encode(change).decode()))

    def after(self, number: int) -> tuple[list[Told], bool]:
        """(those with higher numbers, in order; whether that is all there were)."""
        missed = self._last - number
        if missed <= 0:
            return [], True
        return list(self._ring)[-missed:], missed <= len(self._ring)

    def identity(self, number: int) -> str:
        """What a page sends back as Last-Event-ID."""
        return f"{self.boot}-{number}"

    def number_of(self, identity: str) -> int | None:
        """The number in it; None when it is none of this start of hub, so that nobody knows what was missed."""
        boot, _, number = identity.partition("-")
        known = boot == self.boot and number.isascii() and number.isdigit() and len(number) < 16
        return int(number) if known and int(number) <= self._last else None

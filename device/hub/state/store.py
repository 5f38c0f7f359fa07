"""The board: where the newest snapshot hangs, and who looks at it."""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Struct

from device.hub.state.snapshot import Json, Snapshot

KEPT = 512
"""Hours of a lively room; who was away for longer asks the history."""


class LoggedChange(Struct, frozen=True):
    """One change, ready to be sent."""

    number: int
    text: str
    """JSON."""


class ChangeLog:
    """A ring of them. Numbers begin at 1 with each start of hub, which `boot` tells apart."""

    def __init__(self) -> None:
        self.boot = secrets.token_hex(4)
        self._ring: deque[LoggedChange] = deque(maxlen=KEPT)
        self._last = 0

    @property
    def last(self) -> int:
        """The newest one's number; 0 before the first."""
        return self._last

    def add(self, change: Json) -> None:
        """One more."""
        self._last += 1
        self._ring.append(LoggedChange(self._last, msgspec.json.encode(change).decode()))

    def after(self, number: int) -> tuple[list[LoggedChange], bool]:
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


_WRITTEN_S = 0.1
"""So long a snapshot that was written out serves all who look: the ages in it grow with time."""


class Subscription:
    """One front end's view of the board. A slow one misses what lies between; it always gets the newest."""

    def __init__(self, board: "StateStore") -> None:
        self._board = board
        self._changed = asyncio.Event()
        self._changed.set()

    def wake(self) -> None:
        """Called by the board."""
        self._changed.set()

    async def newest(self) -> Snapshot:
        """Wait for a change since the last call (the first returns at once)."""
        await self._changed.wait()
        self._changed.clear()
        return self._board.now


class StateStore:
    """Holds the newest snapshot and wakes whoever shows it."""

    def __init__(self, name: str) -> None:
        self.now = Snapshot(name)
        self.changes = ChangeLog()
        self._listeners: set[Subscription] = set()
        self._written: tuple[Snapshot, float, str] | None = None

    def change(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of Snapshot
        """Replace these fields of the snapshot; nobody is woken when none of them differs."""
        changed = msgspec.structs.replace(self.now, **fields)
        if changed != self.now:
            self.now = changed
            for listener in self._listeners:
                listener.wake()

    def tell(self, change: Json) -> None:
        """A change of mood, to everybody who looks, in order."""
        self.changes.add(change)
        for listener in self._listeners:
            listener.wake()

    def text(self, snapshot: Snapshot) -> str:
        """`snapshot` as JSON; written once for fifty pages that ask at the same moment."""
        now_s = time.monotonic()
        if self._written is None or self._written[0] is not snapshot or now_s - self._written[1] > _WRITTEN_S:
            self._written = snapshot, now_s, msgspec.json.encode(snapshot.as_json()).decode()
        return self._written[2]

    @property
    def listeners(self) -> int:
        """How many are looking."""
        return len(self._listeners)

    @contextlib.contextmanager
    def listen(self) -> Iterator[Subscription]:
        """A listener, for as long as the block lasts."""
        listener = Subscription(self)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

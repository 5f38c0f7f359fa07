"""The state store: the newest snapshot, the last changes of mood, and everyone who follows them."""

import asyncio
import contextlib
import secrets
import time
from collections import deque
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import Struct

from device.hub.state.snapshot import Json, Snapshot

MAX_CHANGES = 512
"""Enough for hours of a lively room. A page that was away for longer reads the history."""
_JSON_MAX_AGE_S = 0.1
"""Pages that ask within this time share one JSON text, although its ages are slightly out of date by then."""
_T = TypeVar("_T")


class Latest(Generic[_T]):
    """A value that many readers follow. A slow reader misses values in between, and always gets the newest."""

    def __init__(self, value: _T) -> None:
        self.value = value
        self._subscriptions: set[Subscription[_T]] = set()

    def set(self, value: _T) -> None:
        """Replace the value and wake every reader."""
        self.value = value
        self.wake()

    def wake(self) -> None:
        """Wake every reader although the value is the same."""
        for subscription in self._subscriptions:
            subscription.changed.set()

    @property
    def subscribers(self) -> int:
        """How many readers follow it now."""
        return len(self._subscriptions)

    @contextlib.contextmanager
    def subscribe(self) -> Iterator["Subscription[_T]"]:
        """A subscription that ends with the block."""
        subscription = Subscription(self)
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)


class Subscription(Generic[_T]):
    """One reader of a `Latest`."""

    def __init__(self, latest: Latest[_T]) -> None:
        self._latest = latest
        self.changed = asyncio.Event()
        self.changed.set()

    async def newest(self) -> _T:
        """Wait for a change since the last call. The first call returns at once."""
        await self.changed.wait()
        self.changed.clear()
        return self._latest.value


class LoggedChange(Struct, frozen=True):
    """One change of mood, ready to send."""

    number: int
    text: str
    """The change as JSON."""


class ChangeLog:
    """A ring of the last changes. Numbering restarts at 1 whenever hub starts; `boot` tells the starts apart."""

    def __init__(self, max_changes: int = MAX_CHANGES) -> None:
        self.boot = secrets.token_hex(4)
        self.last = 0
        """The number of the newest change; 0 before the first."""
        self._ring: deque[LoggedChange] = deque(maxlen=max_changes)

    def add(self, change: Json) -> None:
        """Give `change` the next number."""
        self.last += 1
        self._ring.append(LoggedChange(self.last, msgspec.json.encode(change).decode()))

    def after(self, number: int) -> tuple[list[LoggedChange], bool]:
        """(the changes after `number`, in order; whether the ring still holds all of them)."""
        missed = self.last - number
        if missed <= 0:
            return [], True
        return list(self._ring)[-missed:], missed <= len(self._ring)

    def format_id(self, number: int) -> str:
        """The event id that a page sends back as Last-Event-ID."""
        return f"{self.boot}-{number}"

    def parse_id(self, event_id: str) -> int | None:
        """The number in an event id; None if the id is not from this start of hub."""
        boot, _, number = event_id.partition("-")
        is_valid = boot == self.boot and number.isascii() and number.isdigit() and len(number) < 16
        return int(number) if is_valid and int(number) <= self.last else None


class StateStore(Latest[Snapshot]):
    """The newest snapshot. Every front end subscribes to it."""

    def __init__(self, name: str) -> None:
        super().__init__(Snapshot(name))
        self.changes = ChangeLog()
        self._cached_json: tuple[Snapshot, float, str] | None = None

    @property
    def now(self) -> Snapshot:
        """The newest snapshot."""
        return self.value

    def change(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of Snapshot
        """Replace these fields of the snapshot. Readers wake only if one of them differs."""
        changed = msgspec.structs.replace(self.value, **fields)
        if changed != self.value:
            self.set(changed)

    def log_change(self, change: Json) -> None:
        """Add a change of mood to `changes` and wake every reader."""
        self.changes.add(change)
        self.wake()

    def as_json(self, snapshot: Snapshot) -> str:
        """`snapshot` as JSON, encoded once for all pages that ask at the same moment."""
        now_s = time.monotonic()
        cached = self._cached_json
        if cached is None or cached[0] is not snapshot or now_s - cached[1] > _JSON_MAX_AGE_S:
            self._cached_json = cached = snapshot, now_s, msgspec.json.encode(snapshot.as_json()).decode()
        return cached[2]

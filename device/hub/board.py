"""The board: where the newest snapshot hangs, and who looks at it."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from device.hub.changes import Changes
from device.hub.state import Json, Snapshot

_WRITTEN_S = 0.1
"""So long a snapshot that was written out serves all who look: the ages in it grow with time."""


class Listener:
    """One front end's view of the board. A slow one misses what lies between; it always gets the newest."""

    def __init__(self, board: "Board") -> None:
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


class Board:
    """Holds the newest snapshot and wakes whoever shows it."""

    def __init__(self, name: str) -> None:
        self.now = Snapshot(name)
        self.changes = Changes()
        self._listeners: set[Listener] = set()
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
    def listen(self) -> Iterator[Listener]:
        """A listener, for as long as the block lasts."""
        listener = Listener(self)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

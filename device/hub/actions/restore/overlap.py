"""Keeps a captured state from including a target that is just being restored.

A light and its group are queued separately, so their operations can overlap. A group that is read while one of its
lights is being restored would record the state set by the rule that has ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from device.hub.actions.restore.previous_state import PreviousState


class OverlapGuard:
    """Makes a capture wait for restores of the same targets. A group's lights are known only after it has been read."""

    def __init__(self) -> None:
        self._restoring: dict[str, asyncio.Event] = {}
        """The targets being restored; the event is set at the end."""
        self._overlaps: list[set[str]] = []
        """For each capture in progress: the targets whose restores have overlapped it."""

    @contextmanager
    def restoring(self, target: str) -> Iterator[None]:
        """The block restores `target`. Does not wait."""
        finished = self._restoring[target] = asyncio.Event()
        for overlap in self._overlaps:
            overlap.add(target)
        try:
            yield
        finally:
            if self._restoring.get(target) is finished:  # after a timeout, another rule may be restoring it too
                del self._restoring[target]
            finished.set()

    async def capture(
        self, read: Callable[[], Awaitable[tuple[PreviousState, ...]]], wait_s: float
    ) -> tuple[PreviousState, ...]:
        """What `read` returns; reads again if one of its targets was being restored. Raises what `read` raises.

        After `wait_s`, the last reading counts.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + wait_s
        while True:
            overlap = set(self._restoring)
            self._overlaps.append(overlap)
            try:
                states = await read()
            finally:
                self._overlaps = [one for one in self._overlaps if one is not overlap]
            affected = overlap & {state.target for state in states}
            if not affected or loop.time() >= end_s:
                return states
            pending = [finished for target, finished in self._restoring.items() if target in affected]
            with suppress(TimeoutError):
                async with asyncio.timeout_at(end_s):
                    for finished in pending:
                        await finished.wait()

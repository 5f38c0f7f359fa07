"""What is being put back is not read as what was before: a light and its group have turns of their own.

Who reads the group while the light is on its way back would take the look of the rule that is over for what was before.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from device.hub.actions.restore.previous_state import PreviousState


class OverlapGuard:
    """Only those wait who meet at a target. Which lights a group has is known once they are read."""

    def __init__(self) -> None:
        self._going: dict[str, asyncio.Event] = {}
        """The targets on their way back; set when they are through."""
        self._met: list[set[str]] = []
        """For each who reads: what was on its way back in the meantime."""

    @contextmanager
    def back(self, target: str) -> Iterator[None]:
        """The block puts it back. Waits for nobody."""
        through = self._going[target] = asyncio.Event()
        for met in self._met:
            met.add(target)
        try:
            yield
        finally:
            if self._going.get(target) is through:  # another rule may put it back, too, once waiting was too long
                del self._going[target]
            through.set()

    async def read(
        self, read: Callable[[], Awaitable[tuple[PreviousState, ...]]], wait_s: float
    ) -> tuple[PreviousState, ...]:
        """What `read` says, again where it met one on its way back. Raises what `read` raises.

        Waits `wait_s` at most; then what was read last counts.
        """
        loop = asyncio.get_running_loop()
        end_s = loop.time() + wait_s
        while True:
            met = set(self._going)
            self._met.append(met)
            try:
                formers = await read()
            finally:
                self._met = [one for one in self._met if one is not met]
            crossed = met & {former.target for former in formers}
            if not crossed or loop.time() >= end_s:
                return formers
            going = [through for target, through in self._going.items() if target in crossed]
            with suppress(TimeoutError):
                async with asyncio.timeout_at(end_s):
                    for through in going:
                        await through.wait()

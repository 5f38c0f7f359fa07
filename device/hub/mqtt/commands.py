"""Commands from the broker. Anybody may have sent them, so each is checked, and invalid ones cost one line a minute."""

import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from device.errors import ActionError, MienError
from device.hub.state.command_parser import parse_command
from device.hub.state.features import Command
from device.hub.state.snapshot import Snapshot
from device.system.rate_limiter import SlidingWindow

_log = logging.getLogger(__name__)

MAX_BYTES = 4_096
MAX_COMMANDS, WINDOW_S = 20, 10.0
"""More commands than this in one window count as a flood; no person sends so many."""
LOG_INTERVAL_S = 60.0
"""Each kind of problem is logged at most this often."""


@dataclass(eq=False)
class CommandLimiter:
    """Checks each command and passes it to `execute`, which may raise MienError.

    `on_rejected` is called for each message that is not a valid command.
    """

    now: Callable[[], Snapshot]
    execute: Callable[[Command], Awaitable[object]]
    on_rejected: Callable[[], None] = lambda: None
    clock: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        self._commands = SlidingWindow(WINDOW_S, per_key=MAX_COMMANDS, clock=self.clock)
        self._log_lines = SlidingWindow(LOG_INTERVAL_S, per_key=1, clock=self.clock)
        self._unlogged: Counter[str] = Counter()

    async def handle(self, key: str, payload: object, *, is_retained: bool = False) -> None:
        """A message for the feature `key`. Whatever is in it, this does not raise."""
        if not isinstance(payload, bytes) or len(payload) > MAX_BYTES:
            size = len(payload) if isinstance(payload, bytes) else 0
            self._reject("oversized", f"a command of {size} bytes; {MAX_BYTES} are allowed")
        elif is_retained:
            # It would be executed at each connect: a camera that was switched off here would open again.
            self._reject("retained", "a retained command; send it without the retain flag")
        elif self._commands.take():
            self._reject("flood", f"more than {MAX_COMMANDS} commands in {WINDOW_S:g} s")
        else:
            await self._parse_and_execute(key, payload)

    async def _parse_and_execute(self, key: str, payload: bytes) -> None:
        try:
            command = parse_command(key, payload, self.now())
        except ActionError as error:
            self._reject("malformed", str(error))
            return
        try:
            await self.execute(command)
        except MienError as error:
            self._log("failed", f"{key}: nothing was done: {error}")
            return
        _log.info("MQTT: %s %s", key, payload.decode())

    def _reject(self, kind: str, why: str) -> None:
        self.on_rejected()
        self._log(kind, f"ignored: {why}")

    def _log(self, kind: str, text: str) -> None:
        if self._log_lines.take(kind):
            self._unlogged[kind] += 1
            return
        more = self._unlogged.pop(kind, 0)
        _log.warning("MQTT: %s%s", text, f" (and {more} of that kind before)" if more else "")

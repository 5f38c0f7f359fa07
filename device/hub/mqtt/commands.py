"""Commands from the broker: anybody may have sent them, so each is checked, and nonsense costs one line a minute."""

import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable

from device.errors import ActionError, MienError
from device.hub.state.features import Command, parse_command
from device.hub.state.snapshot import Snapshot

_log = logging.getLogger(__name__)

MAX_BYTES = 4_096
MAX_COMMANDS, WINDOW_S = 20, 10.0
"""So many in so long are more than a person sends; the rest is a flood."""
AGAIN_S = 60.0
"""Each kind of nonsense is logged at most so often."""


class CommandLimiter:
    """`obey` carries out a wish and may raise MienError; `rejected` is called for each message that meant nothing."""

    def __init__(
        self,
        now: Callable[[], Snapshot],
        obey: Callable[[Command], Awaitable[None]],
        rejected: Callable[[], None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._now = now
        self._obey = obey
        self._rejected = rejected
        self._clock = clock
        self._taken: deque[float] = deque([-1e9] * MAX_COMMANDS, maxlen=MAX_COMMANDS)
        self._logged: dict[str, float] = {}
        self._silent: dict[str, int] = {}

    async def take(self, key: str, payload: object, *, retained: bool = False) -> None:
        """What came for the feature `key`. Never raises for what came."""
        if not isinstance(payload, bytes) or len(payload) > MAX_BYTES:
            size = len(payload) if isinstance(payload, bytes) else 0
            self._reject("oversized", f"a command of {size} bytes; {MAX_BYTES} are allowed")
        elif retained:
            # It would be obeyed at each connect: a camera that was switched off here would open again.
            self._reject("retained", "a command that the broker has kept; send it without the retain flag")
        elif self._clock() - self._taken[0] < WINDOW_S:
            self._reject("flood", f"more than {MAX_COMMANDS} commands in {WINDOW_S:g} s")
        else:
            self._taken.append(self._clock())
            await self._carry_out(key, payload)

    async def _carry_out(self, key: str, payload: bytes) -> None:
        try:
            wish = parse_command(key, payload, self._now())
        except ActionError as error:
            self._reject("malformed", str(error))
            return
        try:
            await self._obey(wish)
        except MienError as error:
            self._say("failed", f"{key}: nothing was done: {error}")
            return
        _log.info("MQTT: %s %s", key, payload.decode())

    def _reject(self, kind: str, why: str) -> None:
        self._rejected()
        self._say(kind, f"ignored: {why}")

    def _say(self, kind: str, text: str) -> None:
        now_s = self._clock()
        if now_s - self._logged.get(kind, -1e9) < AGAIN_S:
            self._silent[kind] = self._silent.get(kind, 0) + 1
            return
        self._logged[kind] = now_s
        more = self._silent.pop(kind, 0)
        _log.warning("MQTT: %s%s", text, f" (and {more} of that kind before)" if more else "")

"""Signs of life for the history: sense is there, and for how long its camera has seen nothing."""

import time
from collections.abc import Callable

from device.hub.history.rows import ALIVE_S, Heartbeat
from device.hub.state.snapshot import Snapshot
from device.system.clock import moment_utc_s


class HeartbeatRecorder:
    """What is to be remembered each ALIVE_S while sense is there, and once more when the camera sees again."""

    def __init__(self, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._written_s = float("-inf")
        self._blind_s: float | None = None
        """Since when it sees nothing, CLOCK_MONOTONIC."""

    def look(self, now: Snapshot) -> Heartbeat | None:
        """The row that is due, if one is. To be asked some times a second."""
        if not now.available or now.health is None:
            self._blind_s = None
            return None
        now_s = self._monotonic_s()
        before_s = self._blind_s
        self._blind_s = None if now.sees else now_s if before_s is None else before_s
        sees_again = now.sees and before_s is not None
        if not sees_again and now_s - self._written_s < ALIVE_S:
            return None
        self._written_s = now_s
        # A camera that starts, or is switched off and on, is no hole in the history.
        blind = before_s is not None and now_s - before_s >= ALIVE_S
        return Heartbeat(time.time(), moment_utc_s(before_s) if blind and before_s is not None else None)

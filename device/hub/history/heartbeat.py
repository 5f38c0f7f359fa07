"""The history's heartbeat: sense is connected, and how long its camera has seen nothing."""

import time

from device.hub.history.rows import ALIVE_S, Heartbeat
from device.hub.state.snapshot import Snapshot
from device.system.clock import to_utc_s


class HeartbeatRecorder:
    """Produces a row every `interval_s` while sense is connected, and one more when the camera can see again."""

    def __init__(self, interval_s: float = ALIVE_S) -> None:
        self._interval_s = interval_s
        self._written_s = float("-inf")
        self._blind_since_s: float | None = None
        """CLOCK_MONOTONIC; None while the camera sees."""

    def look(self, now: Snapshot) -> Heartbeat | None:
        """The row that is due, if any. Call it a few times a second."""
        if not now.available or now.health is None:
            self._blind_since_s = None
            return None
        now_s = time.monotonic()
        since_s = self._blind_since_s
        if now.can_see:
            self._blind_since_s = None
        elif since_s is None:
            self._blind_since_s = now_s
        sees_again = now.can_see and since_s is not None
        if not sees_again and now_s - self._written_s < self._interval_s:
            return None
        self._written_s = now_s
        # A camera that starts, or is switched off and on, leaves no gap in the history.
        is_gap = since_s is not None and now_s - since_s >= self._interval_s
        return Heartbeat(time.time(), to_utc_s(since_s) if is_gap and since_s is not None else None)

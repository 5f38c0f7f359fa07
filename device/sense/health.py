"""Heartbeats of the reading threads, and the health message that `sense` sends."""

from collections import deque
from dataclasses import dataclass, field


@dataclass
class ThreadHeartbeat:
    """Life signs of a reading thread."""

    beat_s: float
    done: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    trouble: str = ""

    def rate_hz(self, now_s: float) -> float:
        """Readings a second over the last five."""
        return sum(now_s - t < 5 for t in self.done) / 5

"""Rate limiters: they limit how often something may happen. Not thread-safe."""

import time
from collections import OrderedDict, deque
from collections.abc import Callable

MAX_KEYS = 1024
"""How many keys a token bucket remembers; it forgets the least recently used ones."""


class SlidingWindow:
    """Within any `window_s`, at most `per_key` events with the same key, and at most `total` in all.

    `total` bounds the memory: set it if clients choose the key.
    """

    def __init__(
        self, window_s: float, *, per_key: int, total: int | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._window_s = window_s
        self._per_key = per_key
        self._total = total
        self._clock = clock
        self._events: deque[tuple[float, str]] = deque()
        """(time, key), oldest first."""

    def take(self, key: str = "", *, total: int | None = None) -> float:
        """Count an event and return 0.0. Above the limit, do not count it and return the seconds to wait.

        `total`: another limit for this event, for keys that have a place of their own.
        """
        wait_s = self.wait_s(key)
        total = self._total if total is None else total
        if not wait_s and total is not None and len(self._events) >= total:
            wait_s = max(self._events[0][0] + self._window_s - self._clock(), 0.0)
        if not wait_s:
            self._events.append((self._clock(), key))
        return wait_s

    def wait_s(self, key: str) -> float:
        """How long this key must wait, counting only its own events; 0.0: not at all."""
        now_s = self._clock()
        while self._events and now_s - self._events[0][0] >= self._window_s:
            self._events.popleft()
        times = [time_s for time_s, other in self._events if other == key]
        return times[-self._per_key] + self._window_s - now_s if len(times) >= self._per_key else 0.0

    def count(self, key: str) -> int:
        """Events of this key within the window."""
        self.wait_s(key)
        return sum(other == key for _, other in self._events)

    def forget(self, key: str) -> None:
        """Forget the events of this key."""
        self._events = deque(event for event in self._events if event[1] != key)


class TokenBucket:
    """For each key, `burst` events at once and `per_s` in the long run."""

    def __init__(self, per_s: float, burst: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()
        """Key -> (tokens, the time when they were counted)."""

    def take(self, key: str = "") -> float:
        """Count an event and return 0.0. Above the limit, do not count it and return the seconds to wait."""
        now_s = self._clock()
        tokens, counted_s = self._buckets.pop(key, (float(self._burst), now_s))
        tokens = min(float(self._burst), tokens + (now_s - counted_s) * self._per_s)
        self._buckets[key] = (tokens - 1 if tokens >= 1 else tokens, now_s)
        if len(self._buckets) > MAX_KEYS:
            self._buckets.popitem(last=False)
        return (1 - tokens) / self._per_s if tokens < 1 else 0.0

    def __len__(self) -> int:
        return len(self._buckets)

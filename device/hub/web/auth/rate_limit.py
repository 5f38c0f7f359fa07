"""How often: requests from one address, and wrong passwords. Nothing here grows with the number of those who ask."""

import math
import time
from collections import OrderedDict, deque
from collections.abc import Callable

from device.errors import MienError

MAX_ADDRESSES = 1024
"""Those heard last are remembered."""


class TooManyError(MienError):
    """Asked too often."""

    def __init__(self, wait_s: float) -> None:
        self.wait_s = max(1, math.ceil(wait_s))
        super().__init__(f"too many requests; try again in {self.wait_s} s")


class RequestRates:
    """A bucket an address: `burst` requests at once, `per_s` in the long run."""

    def __init__(self, per_s: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._per_s = per_s
        self._burst = burst
        self._now = now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, key: str) -> None:
        """Count one request. Raises TooManyError."""
        now_s = self._now()
        left, then_s = self._left.pop(key, (float(self._burst), now_s))
        left = min(float(self._burst), left + (now_s - then_s) * self._per_s)
        self._left[key] = (left - 1 if left >= 1 else left, now_s)
        if len(self._left) > MAX_ADDRESSES:
            self._left.popitem(last=False)
        if left < 1:
            raise TooManyError((1 - left) / self._per_s)

    def __len__(self) -> int:
        return len(self._left)


class LoginAttempts:
    """Wrong passwords of the last `window_s`: at most `each` of an address, and `overall` of all together."""

    def __init__(
        self, each: int = 5, overall: int = 30, window_s: float = 60.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._each = each
        self._overall = overall
        self._window_s = window_s
        self._now = now
        self._wrong: deque[tuple[float, str]] = deque()

    def begin(self, key: str) -> None:
        """Count a try as wrong, before it is known: many at once are no way around. Raises TooManyError."""
        self.look(key)
        if len(self._wrong) >= self._overall:
            raise TooManyError(self._wrong[0][0] + self._window_s - self._now())
        self._wrong.append((self._now(), key))

    def look(self, key: str) -> None:
        """Raises TooManyError where this address has to wait."""
        now_s = self._now()
        while self._wrong and now_s - self._wrong[0][0] >= self._window_s:
            self._wrong.popleft()
        own = [then_s for then_s, one in self._wrong if one == key]
        if len(own) >= self._each:
            raise TooManyError(own[-self._each] + self._window_s - now_s)

    def right(self, key: str) -> None:
        """The password was right: this address begins anew."""
        self._wrong = deque(one for one in self._wrong if one[1] != key)

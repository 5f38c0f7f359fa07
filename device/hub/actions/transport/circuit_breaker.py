"""A circuit breaker: a destination that keeps failing is left alone for a while, and then tried once."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from device.errors import ActionError

_log = logging.getLogger(__name__)

MAX_FAILURES = 5
"""In a row."""
OPEN_S = 60.0


class CircuitBreaker:
    """The breaker of one destination. Source of the pattern: Nygard, "Release It!" (2007)."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._failures = 0
        self._opened_at_s: float | None = None
        self._open_until_s = 0.0
        self._in_trial = False
        self._last_error = ""

    def begin(self) -> bool:
        """Call before an action; True when it is the one trial. Raises ActionError while the breaker is open."""
        if self._opened_at_s is None:
            return False
        now_s = self._clock()
        if self._in_trial or now_s < self._open_until_s:
            now = datetime.now().astimezone()
            since = now + timedelta(seconds=self._opened_at_s - now_s)
            until = now + timedelta(seconds=max(self._open_until_s - now_s, 0.0))
            raise ActionError(
                f"{self._name}: left alone since {since:%H:%M:%S} until {until:%H:%M:%S}, "
                f"after {self._failures} failures in a row; the last error was: {self._last_error}"
            )
        self._in_trial = True
        return True

    def record_success(self) -> None:
        """Record that the destination answered, with an error or without."""
        if self._opened_at_s is not None:
            _log.info("%s answers again", self._name)
        self._failures, self._opened_at_s, self._in_trial = 0, None, False

    def record_failure(self, error: str) -> None:
        """It did not answer, or was too busy; `error` is for a person."""
        self._failures += 1
        self._last_error = error
        if self._in_trial or (self._failures >= MAX_FAILURES and self._opened_at_s is None):
            now_s = self._clock()
            self._open_until_s = now_s + OPEN_S
            if self._opened_at_s is None:
                self._opened_at_s = now_s
                _log.warning("%s failed %d times in a row, and is left alone: %s", self._name, self._failures, error)
        self._in_trial = False

    def record_nothing(self) -> None:
        """The action ended before it showed anything about the destination."""
        self._in_trial = False

"""A circuit breaker: what fails again and again is left alone for a while, and then tried once."""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from device.errors import ActionError

_log = logging.getLogger(__name__)

MAX_FAILURES = 5
"""In a row."""
REST_S = 60.0


class CircuitBreaker:
    """Of one destination. Source of the pattern: Nygard, "Release It!" (2007)."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._clock = clock
        self._failures = 0
        self._since_s: float | None = None
        self._until_s = 0.0
        self._trying = False
        self._said = ""

    def enter(self) -> bool:
        """Before an action; True when it is the one trial. Raises ActionError while the destination is left alone."""
        if self._since_s is None:
            return False
        if self._trying or self._clock() < self._until_s:
            raise ActionError(self._left_alone(self._since_s))
        self._trying = True
        return True

    def well(self) -> None:
        """It answered, whatever it said."""
        if self._since_s is not None:
            _log.info("%s answers again", self._name)
        self._failures, self._since_s, self._trying = 0, None, False

    def failed(self, said: str) -> None:
        """It did not answer, or was too busy; `said` is for a person."""
        self._failures += 1
        self._said = said
        if self._trying or (self._failures >= MAX_FAILURES and self._since_s is None):
            now_s = self._clock()
            self._until_s = now_s + REST_S
            if self._since_s is None:
                self._since_s = now_s
                _log.warning("%s failed %d times in a row, and is left alone: %s", self._name, self._failures, said)
        self._trying = False

    def left(self) -> None:
        """The action was given up before anything could be told of the destination."""
        self._trying = False

    def _left_alone(self, since_s: float) -> str:
        now, now_s = datetime.now().astimezone(), self._clock()
        since, until = (now + timedelta(seconds=at_s - now_s) for at_s in (since_s, max(self._until_s, now_s)))
        return (
            f"{self._name}: left alone since {since:%H:%M:%S} until {until:%H:%M:%S}, "
            f"after {self._failures} failures in a row; it said last: {self._said}"
        )

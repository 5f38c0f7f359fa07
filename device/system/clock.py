"""Local time, and whether the clock can be trusted: a Raspberry Pi has no battery for it."""

import time as clocks
from collections.abc import Callable
from datetime import datetime, time, tzinfo

RELEASED_UTC_S = 1_793_491_200.0
"""1 November 2026, before this release: a wall clock that shows an earlier time has not been set yet."""
JUMP_S = 30.0
"""A time server corrects smaller differences bit by bit."""
_MAX_DRIFT_S = 0.002
"""Two clocks count as running alike within this difference."""


def is_clock_set(utc_s: float) -> bool:
    """Whether a wall clock that shows `utc_s` (seconds since 1970) has been set since the boot."""
    return utc_s >= RELEASED_UTC_S


def local_time(utc_s: float, zone: tzinfo | None = None) -> time | None:
    """The time of day at `utc_s` (seconds since 1970) in `zone`; without one, in the system's time zone.

    None while the clock is not set. Daylight saving makes one hour occur twice and another not at all.
    """
    if not is_clock_set(utc_s):
        return None
    if zone is None:
        clocks.tzset()  # without it, a time zone that was changed since our start would go unnoticed
    return datetime.fromtimestamp(utc_s, zone).time()


class WallClock:
    """The wall clock. Detects jumps by comparing it with the monotonic clock, which nobody can set."""

    def __init__(
        self, wall_s: Callable[[], float] = clocks.time, monotonic_s: Callable[[], float] = clocks.monotonic
    ) -> None:
        self._wall_s, self._monotonic_s = wall_s, monotonic_s
        self._since_s = monotonic_s()
        self._offset_s = wall_s() - self._since_s

    @property
    def utc_s(self) -> float:
        """The time it shows, in seconds since 1970."""
        return self._wall_s()

    def read_jump_s(self) -> float:
        """The jump since the last call: positive if the clock was set forward or the machine slept; 0.0: none."""
        now_s = self._monotonic_s()
        before_s, self._offset_s = self._offset_s, self._wall_s() - now_s
        if abs(self._offset_s - before_s) < JUMP_S:
            return 0.0
        self._since_s = now_s
        return self._offset_s - before_s

    @property
    def stable_s(self) -> float:
        """Time since the last jump that `read_jump_s` found."""
        return self._monotonic_s() - self._since_s


class UtcConverter:
    """Converts monotonic times to UTC and keeps their order.

    A process may be suspended between reading one clock and the other. Reading both for each conversion could
    therefore put an earlier time after a later one. The clocks are compared once, and again only when somebody has
    set the wall clock.
    """

    def __init__(
        self, wall_s: Callable[[], float] = clocks.time, monotonic_s: Callable[[], float] = clocks.monotonic
    ) -> None:
        self._wall_s, self._monotonic_s = wall_s, monotonic_s
        self._offset_s = float("-inf")

    def convert(self, monotonic_s: float) -> float:
        """Seconds since 1970 of a CLOCK_MONOTONIC time, by the current wall clock; never in the future."""
        before_s, wall_s, now_s = self._read_clocks()
        if not wall_s - now_s - _MAX_DRIFT_S <= self._offset_s <= wall_s - before_s + _MAX_DRIFT_S:
            # The shortest of several readings is the most accurate.
            readings = (self._read_clocks() for _ in range(5))
            before_s, wall_s, now_s = min(readings, key=lambda reading: reading[2] - reading[0])
            self._offset_s = wall_s - (before_s + now_s) / 2
        return self._offset_s + min(max(monotonic_s, 0.0), now_s)

    def _read_clocks(self) -> tuple[float, float, float]:
        return self._monotonic_s(), self._wall_s(), self._monotonic_s()


to_utc_s = UtcConverter().convert
"""Convert a CLOCK_MONOTONIC time to seconds since 1970."""

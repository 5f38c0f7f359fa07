"""The time in the house, and whether the clock can be believed: a Pi has no battery for it."""

import time as clocks
from collections.abc import Callable
from datetime import datetime, time, tzinfo

RELEASED_UTC_S = 1_793_491_200.0
"""1 November 2026, before this release was made: a wall clock of before that has not been set yet."""
JUMP_S = 30.0
"""What a time server corrects bit by bit is less."""
_EQUAL_S = 0.002
"""Two clocks that go this evenly go alike."""
_LOOKS = 5


def local_time(utc_s: float, zone: tzinfo | None = None) -> time | None:
    """The time of day at `utc_s` (seconds of UTC since 1970) in `zone`, None being the system's own.

    None while the wall clock lies before this release was made: then nobody knows. The hour that daylight saving
    repeats is told twice, the hour that it skips never.
    """
    if utc_s < RELEASED_UTC_S:
        return None
    if zone is None:
        clocks.tzset()  # else the system's would be the one that it had at our start
    return datetime.fromtimestamp(utc_s, zone).time()


class WallClock:
    """The wall clock beside the monotonic one, which nobody sets: whether it goes as time does."""

    def __init__(
        self, wall_s: Callable[[], float] = clocks.time, monotonic_s: Callable[[], float] = clocks.monotonic
    ) -> None:
        self._wall_s, self._monotonic_s = wall_s, monotonic_s
        self._since_s = monotonic_s()
        self._ahead_s = wall_s() - self._since_s

    @property
    def utc_s(self) -> float:
        """What it says, seconds of UTC since 1970."""
        return self._wall_s()

    def jumped_s(self) -> float:
        """By how much it was put forward since the last look, negative for back; 0.0: it goes as time does.

        A device that sleeps sees it go forward, too.
        """
        now_s = self._monotonic_s()
        before_s, self._ahead_s = self._ahead_s, self._wall_s() - now_s
        if abs(self._ahead_s - before_s) < JUMP_S:
            return 0.0
        self._since_s = now_s
        return self._ahead_s - before_s

    @property
    def steady_s(self) -> float:
        """For how long it has not jumped, as far as it was looked at."""
        return self._monotonic_s() - self._since_s


class Moments:
    """Where moments of the monotonic clock lie on the wall clock, in the order in which they were.

    Between reading the one and the other a process may have to wait for its turn: to compare the two anew for each
    moment would put one that came before behind the next. They are compared once, and again where the wall clock was
    put to another time.
    """

    def __init__(
        self, wall_s: Callable[[], float] = clocks.time, monotonic_s: Callable[[], float] = clocks.monotonic
    ) -> None:
        self._wall_s, self._monotonic_s = wall_s, monotonic_s
        self._ahead_s = float("-inf")

    def utc_s(self, monotonic_s: float) -> float:
        """Seconds of UTC since 1970 of a moment of CLOCK_MONOTONIC, by the wall clock of now; never in the future."""
        before_s, wall_s, now_s = self._look()
        if not wall_s - now_s - _EQUAL_S <= self._ahead_s <= wall_s - before_s + _EQUAL_S:
            # The shortest of some looks is the exactest.
            before_s, wall_s, now_s = min((self._look() for _ in range(_LOOKS)), key=lambda look: look[2] - look[0])
            self._ahead_s = wall_s - (before_s + now_s) / 2
        return self._ahead_s + min(max(monotonic_s, 0.0), now_s)

    def _look(self) -> tuple[float, float, float]:
        return self._monotonic_s(), self._wall_s(), self._monotonic_s()


moment_utc_s = Moments().utc_s
"""Seconds of UTC since 1970 of a moment of CLOCK_MONOTONIC."""

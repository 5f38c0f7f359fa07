"""The time of day in the house, and whether the clock can be believed: a Pi has no battery for it."""

from datetime import datetime, time, tzinfo

RELEASED_UTC_S = 1_793_491_200.0
"""1 November 2026, before this release was made: a wall clock of before that has not been set yet."""


def local_time(utc_s: float, zone: tzinfo | None = None) -> time | None:
    """The time of day at `utc_s` (seconds of UTC since 1970) in `zone`, None being the system's own.

    None while the wall clock lies before this release was made: then nobody knows. The hour that daylight saving
    repeats is told twice, the hour that it skips never.
    """
    return None if utc_s < RELEASED_UTC_S else datetime.fromtimestamp(utc_s, zone).time()

"""One check of `mien doctor`."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Check:
    """What was looked at, what was found, and what to do about it."""

    check: str
    ok: bool | None
    """None: not to be told here, or worth knowing but no obstacle."""
    said: str
    fix: str = ""

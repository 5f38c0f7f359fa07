"""What the machine says of itself: how hot it is, and whether its clock was set."""

from pathlib import Path

HOT_C = 80.0
"""From here on a Pi's processor is slowed down."""
THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")


def degrees_c() -> float | None:
    """Of the processor; None where nobody measures it."""
    try:
        return float(THERMAL.read_text()) / 1000
    except (OSError, ValueError):
        return None


def clock_is_set() -> bool | None:
    """Whether a time server has set the clock since the boot; None where nobody knows."""
    return SYNCHRONIZED.exists() if SYNCHRONIZED.parent.is_dir() else None

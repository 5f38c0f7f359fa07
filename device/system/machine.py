"""The state of the machine: temperature, clock synchronization and free disk space."""

import shutil
from pathlib import Path

from device.system.paths import nearest_existing

HOT_C = 80.0
"""A Raspberry Pi throttles its processor above this temperature."""
MIN_FREE_MB = 50.0
THERMAL = Path("/sys/class/thermal/thermal_zone0/temp")
SYNCHRONIZED = Path("/run/systemd/timesync/synchronized")


def read_temperature_c(sensor: Path = THERMAL) -> float | None:
    """The processor's temperature; None without a sensor."""
    try:
        return float(sensor.read_text()) / 1000
    except (OSError, ValueError):
        return None


def is_clock_synchronized() -> bool | None:
    """Whether a time server has set the clock since the boot; None if unknown."""
    return SYNCHRONIZED.exists() if SYNCHRONIZED.parent.is_dir() else None


def free_mb(folder: Path) -> float:
    """MB free on the disk of `folder`, which need not exist yet."""
    return shutil.disk_usage(nearest_existing(folder)).free / 1e6

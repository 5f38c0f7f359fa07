"""The machine: packages, disk, permissions, clock and temperature."""

import contextlib
import grp
import os
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from device.commands.checks.context import Context
from device.system.check import Check
from device.system.clock import is_clock_set
from device.system.machine import HOT_C, MIN_FREE_MB, THERMAL, free_mb, is_clock_synchronized, read_temperature_c
from device.system.paths import nearest_existing

_PACKAGES = ("numpy", "opencv-python-headless", "opencv-python", "av", "aiohttp", "aiomqtt", "PyAudio", "picamera2")
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")


def packages(_: Context) -> Iterator[Check]:
    """The versions of the libraries in use."""
    versions = []
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            versions.append(f"{name} {version(name)}")
    yield Check("packages", True, ", ".join(versions))


def disk_space(context: Context) -> Iterator[Check]:
    """Whether the state folder can be written, and has space left."""
    folder = context.settings.state_dir
    if not os.access(nearest_existing(folder), os.W_OK | os.X_OK):
        fix = "give this user the folder, or set home.state_dir"
        yield Check("state folder", False, f"{folder} cannot be written", fix)
        return
    free = free_mb(folder)
    enough = free > MIN_FREE_MB
    yield Check("state folder", enough, f"{folder}, {free:,.0f} MB free", "" if enough else "free some space")


def device_permissions(context: Context, dev: Path = Path("/dev")) -> Iterator[Check]:
    """Whether this user may open the cameras and microphones that are there."""
    settings = context.settings
    devices = {
        "video": (settings.camera.source, [*dev.glob("video*"), *dev.glob("media*")]),
        "audio": (settings.microphone.source, list(dev.glob("snd/pcm*c"))),
    }
    for group, (source, paths) in devices.items():
        if source == "off" or not paths:
            continue
        denied = [path for path in paths if not os.access(path, os.R_OK | os.W_OK)]
        if not denied:
            yield Check(f"group {group}", True, f"this user may open {', '.join(map(str, paths[:3]))}")
            continue
        user = os.environ.get("USER") or str(os.getuid())
        add = f"sudo usermod -aG {group} {user}, then log in again"
        fix = add if group_exists(group) else "give this user access to the device"
        yield Check(f"group {group}", False, f"{denied[0]}: this user may not open it", fix)


def group_exists(group: str) -> bool:
    """Whether this system has a group of this name."""
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True


def clock(_: Context) -> Iterator[Check]:
    """Whether the clock is set: a Pi has no battery for it."""
    text = time.strftime("%Y-%m-%d %H:%M %Z")
    if not is_clock_set(time.time()):
        fix = "a Pi has no battery clock: connect it to a network once, or set the clock (sudo date -s ...)"
        yield Check("clock", False, f"{text} is before this version of Mien was released", fix)
    elif is_clock_synchronized() is False:
        yield Check("clock", None, f"{text}, not set by a time server", "timedatectl set-ntp true")
    else:
        yield Check("clock", True, text)


def temperature(_: Context, sensor: Path = THERMAL) -> Iterator[Check]:
    """Whether the processor is too hot; nothing if it cannot be measured."""
    if (degrees := read_temperature_c(sensor)) is not None:
        hot = degrees >= HOT_C
        fix = "the processor slows down at this temperature: improve the airflow or add a heat sink" if hot else ""
        yield Check("temperature", not hot, f"{degrees:.0f} °C", fix)


def throttling(_: Context, path: Path = _THROTTLED) -> Iterator[Check]:
    """Whether the firmware throttles the processor; yields nothing except on a Raspberry Pi."""
    with contextlib.suppress(OSError, ValueError):
        bits = int(path.read_text(), 16)
        # Bits 0 to 3 say what happens now, 16 to 19 what has happened since the boot (vcgencmd get_throttled).
        now, ever = bits & 0xF, bits >> 16 & 0xF
        fix = "use a stronger power supply, or cool the device"
        if now:
            yield Check("throttling", False, "slowed down now", fix)
        elif ever:
            yield Check("throttling", None, "was slowed down since the boot", fix)
        else:
            yield Check("throttling", True, "never slowed down")

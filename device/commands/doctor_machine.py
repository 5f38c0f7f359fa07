"""What `mien doctor` asks of the machine: groups, clock, heat, the broker, the units and how exposed they are."""

import asyncio
import contextlib
import grp
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aiomqtt.exceptions import MqttError

from device.hub.mqtt.connection import build_client, describe_error, load_credentials
from device.settings.schema import Settings
from device.system.check import Check
from device.system.machine import HOT_C, clock_is_set, degrees_c

_PACKAGES = ("numpy", "opencv-python-headless", "opencv-python", "av", "aiohttp", "aiomqtt", "PyAudio", "picamera2")
_MAX_EXPOSED = {"mien-sense.service": 0.8, "mien-hub.service": 1.2}
"""What systemd-analyze says of the units as they are shipped; more means that somebody has opened them."""
_BUILT_S = 1_760_000_000
"""October 2025: a clock before that is wrong."""
_DEV = Path("/dev")
_BOOTED = Path("/run/systemd/system")
"""There when systemd is the machine's first process."""
_THROTTLED = Path("/sys/devices/platform/soc/soc:firmware/get_throttled")


def packages() -> Check:
    """The versions of what Mien stands on."""
    found = []
    for name in _PACKAGES:
        with contextlib.suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return Check("packages", True, ", ".join(found))


def machine(settings: Settings) -> Iterator[Check]:
    """All the rest, in the order in which one would mend them."""
    yield from _groups(settings)
    yield _clock()
    yield from _heat()
    yield from _broker(settings)
    yield from _units()


def _groups(settings: Settings) -> Iterator[Check]:
    """Whether this user may open the devices that are there."""
    wanted = {
        "video": (settings.camera.source, [*_DEV.glob("video*"), *_DEV.glob("media*")]),
        "audio": (settings.microphone.source, list(_DEV.glob("snd/pcm*c"))),
    }
    for name, (source, devices) in wanted.items():
        closed = [device for device in devices if not os.access(device, os.R_OK | os.W_OK)]
        if source == "off" or not devices:
            continue
        if not closed:
            yield Check(f"group {name}", True, f"this user may open {', '.join(map(str, devices[:3]))}")
            continue
        user = os.environ.get("USER") or str(os.getuid())
        added = f"sudo usermod -aG {name} {user}, then log in again" if _exists(name) else "give this user the device"
        yield Check(f"group {name}", False, f"{closed[0]}: not allowed to this user", added)


def _exists(group: str) -> bool:
    try:
        grp.getgrnam(group)
    except KeyError:
        return False
    return True


def _clock() -> Check:
    said = time.strftime("%Y-%m-%d %H:%M %Z")
    if time.time() < _BUILT_S:
        fix = "a Pi has no battery clock: connect it to a network once, or set it (sudo date -s ...)"
        return Check("clock", False, f"{said} is before Mien was made", fix)
    if clock_is_set() is False:
        return Check("clock", None, f"{said}, not set by a time server", "timedatectl set-ntp true")
    return Check("clock", True, said)


def _heat() -> Iterator[Check]:
    if (degrees := degrees_c()) is not None:
        hot = degrees >= HOT_C
        fix = "it will be slowed down: give it air, or a heat sink" if hot else ""
        yield Check("temperature", not hot, f"{degrees:.0f} °C", fix)
    with contextlib.suppress(OSError, ValueError):
        bits = int(_THROTTLED.read_text(), 16)
        # Bits 0 to 3 are of now, 16 to 19 of since it was switched on (Raspberry Pi, vcgencmd get_throttled).
        now, ever = bits & 0xF, bits >> 16 & 0xF
        said = "slowed down now" if now else "was slowed down since it was switched on" if ever else "never slowed down"
        fix = "a power supply that is too weak, or heat" if now or ever else ""
        yield Check("throttling", False if now else None if ever else True, said, fix)


def _broker(settings: Settings) -> Iterator[Check]:
    broker = settings.mqtt
    if not broker.host:
        yield Check("MQTT broker", None, "none in the settings")
        return
    try:
        asyncio.run(_log_in(settings))
    except (MqttError, OSError, TimeoutError) as error:
        said = f"{broker.host}:{broker.port}: {describe_error(error, broker)}"
        yield Check("MQTT broker", False, said, "check mqtt.host, port, username and password_file")
        return
    walls = "over TLS" if broker.tls else "without TLS"
    yield Check("MQTT broker", True, f"{broker.host}:{broker.port} takes us in, {walls}")


async def _log_in(settings: Settings) -> None:
    # Another name than the hub's: the broker would throw that one out.
    name = f"{settings.home.name}-doctor-{os.getpid()}"
    topic = f"{settings.mqtt.prefix}/{settings.home.name}/doctor"
    async with build_client(settings.mqtt, load_credentials(settings.mqtt), name, topic):
        pass


def _units() -> Iterator[Check]:
    if not shutil.which("systemctl") or not _BOOTED.is_dir():
        yield Check("units", None, "there is no systemd here; mien run works without it")
        return
    for unit, most in _MAX_EXPOSED.items():
        asked = _said("systemctl", "show", unit, "--property=LoadState,ActiveState,NRestarts,Result")
        told = dict(line.split("=", 1) for line in asked.splitlines() if "=" in line)
        if told.get("LoadState") != "loaded":
            yield Check(unit, None, "not installed", "sudo systemd/install.sh")
            continue
        active = told.get("ActiveState") == "active"
        restarts = told.get("NRestarts", "0")
        said = f"{told.get('ActiveState', 'unknown')}, started again {restarts} times since the boot"
        fix = f"sudo systemctl start {unit}; journalctl -u {unit} tells why it stopped ({told.get('Result', '')})"
        yield Check(unit, active, said, "" if active else fix)
        if (exposed := _exposure(unit)) is not None:
            opened = exposed > most
            said = f"{exposed:.1f} by systemd-analyze security (0 is closed, 10 is open)"
            fix = f"over {most:g}: a drop-in opens it; systemctl cat {unit}" if opened else ""
            yield Check(f"{unit} sandbox", None if opened else True, said, fix)


def _exposure(unit: str) -> float | None:
    """What systemd-analyze says, 0 to 10; None where it cannot be asked."""
    for line in _said("systemd-analyze", "security", "--no-pager", unit).splitlines():
        if "Overall exposure level" in line:
            with contextlib.suppress(ValueError, IndexError):
                return float(line.partition(": ")[2].split()[0])
    return None


def _said(*command: str) -> str:
    """What a command prints; nothing where it fails or hangs."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout

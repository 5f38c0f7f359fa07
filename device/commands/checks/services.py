"""What Mien talks to and runs under: the broker, systemd, the kernel's isolation, and Mien itself."""

import asyncio
import contextlib
import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
from aiomqtt.exceptions import MqttError

from device.commands.checks.context import Context
from device.errors import SettingsError
from device.hub.mqtt.connection import build_client, describe_error, load_credentials
from device.settings.schema import Settings
from device.system.check import Check
from device.system.isolation import Isolation
from device.system.isolation.enclosure import Enclosure, Needs

_MAX_EXPOSURE = {"mien-sense.service": 0.7, "mien-hub.service": 1.2}
"""What systemd-analyze says of the units as they are shipped. More means that somebody has loosened the sandbox."""


def broker(context: Context) -> Iterator[Check]:
    """Whether the MQTT broker accepts Mien."""
    mqtt = context.settings.mqtt
    if not mqtt.host:
        yield Check("MQTT broker", None, "none in the settings")
        return
    address = f"{mqtt.host}:{mqtt.port}"
    try:
        asyncio.run(_log_in(context.settings))
    except (MqttError, OSError, SettingsError) as error:
        fix = "check mqtt.host, port, username and password_file"
        yield Check("MQTT broker", False, f"{address}: {describe_error(error, mqtt)}", fix)
    else:
        yield Check("MQTT broker", True, f"{address} accepts the login, {'over' if mqtt.tls else 'without'} TLS")


async def _log_in(settings: Settings) -> None:
    # Not under the hub's client name: the broker would disconnect the hub.
    name = f"{settings.home.name}-doctor-{os.getpid()}"
    topic = f"{settings.mqtt.prefix}/{settings.home.name}/doctor"
    async with build_client(settings.mqtt, load_credentials(settings.mqtt), name, topic):
        pass


def units(_: Context, booted: Path = Path("/run/systemd/system")) -> Iterator[Check]:
    """Whether the systemd units run with their sandboxes as shipped. `booted` exists if systemd booted this machine."""
    if not shutil.which("systemctl") or not booted.is_dir():
        yield Check("units", None, "this machine does not use systemd; mien run works without it")
        return
    for unit, max_exposure in _MAX_EXPOSURE.items():
        output = _run_command("systemctl", "show", unit, "--property=LoadState,ActiveState,NRestarts,Result")
        properties = dict(line.split("=", 1) for line in output.splitlines() if "=" in line)
        if properties.get("LoadState") != "loaded":
            yield Check(unit, None, "not installed", "sudo systemd/install.sh")
            continue
        active = properties.get("ActiveState") == "active"
        text = f"{properties.get('ActiveState', 'unknown')}, {properties.get('NRestarts', '0')} restarts since the boot"
        reason = properties.get("Result", "")
        fix = f"sudo systemctl start {unit}; journalctl -u {unit} shows why it stopped ({reason})"
        yield Check(unit, active, text, "" if active else fix)
        if (exposure := _read_exposure(unit)) is not None:
            loose = exposure > max_exposure
            text = f"{exposure:.1f} by systemd-analyze security (0 is closed, 10 is open)"
            fix = f"a drop-in loosens it (shipped: {max_exposure:g}); see systemctl cat {unit}" if loose else ""
            yield Check(f"{unit} sandbox", None if loose else True, text, fix)


def _read_exposure(unit: str) -> float | None:
    """The exposure level of a unit by systemd-analyze, 0 to 10; None when it cannot be determined."""
    for line in _run_command("systemd-analyze", "security", "--no-pager", unit).splitlines():
        if "Overall exposure level" in line:
            with contextlib.suppress(ValueError, IndexError):
                return float(line.partition(": ")[2].split()[0])
    return None


def _run_command(*command: str) -> str:
    """What a command prints; nothing when it is missing or hangs."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        return subprocess.run(command, capture_output=True, text=True, timeout=10, check=False).stdout
    return ""


def isolation(context: Context) -> Iterator[Check]:
    """Whether `sense` can be isolated here: the proof of the running one, or a child process that encloses itself."""
    sense = context.hub_state and context.hub_state["sense"]
    if sense and sense["available"] and sense["isolation"]:
        found = msgspec.convert(sense["isolation"], Isolation, strict=False)
        where = "tested by the running sense itself"
    else:
        found = _enclose_child()
        where = "tried in a process of its own, as when started by hand"
    proof = f"; a connection from inside gives {found.refused}" if found.refused else ""
    fix = "run Mien by systemd (see README), on a kernel that allows what is named"
    must = found.enforced or (False if context.settings.home.require_isolation else None)
    yield Check("no network in sense", must, f"{found.describe()}{proof} ({where})", "" if found.enforced else fix)


def _enclose_child() -> Isolation:
    """What a child process finds that has enclosed itself: there is no way back."""
    with tempfile.TemporaryDirectory() as folder:
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                logging.disable()
                wall = Enclosure(Needs((), (Path(folder),)))
                detail = wall.enter()
                wall.seal(internet=False)
                os.write(writer, msgspec.json.encode(wall.prove(detail)))
            finally:
                os._exit(0)
        os.close(writer)
        with os.fdopen(reader, "rb") as answer:
            result = answer.read()
        os.waitpid(child, 0)
    return msgspec.json.decode(result, type=Isolation) if result else Isolation(False, (), "", "the attempt crashed")


def live_view(context: Context) -> Iterator[Check]:
    """Whether pictures may leave `sense`: one of the two exceptions to its isolation, so it is always reported."""
    kiosk = context.settings.kiosk
    if not kiosk.live_view:
        yield Check("live view", True, "off in the settings: no picture leaves sense")
    elif not kiosk.enabled:
        yield Check("live view", True, "on in the settings, but the page is off: no picture leaves sense")
    else:
        network = f"anyone with the page's password, from {kiosk.listen}"
        who = network if kiosk.is_open_to_house else "anyone on this device"
        text = f"on in the settings: {who}, can watch the camera's picture; the page shows when somebody does"
        yield Check("live view", None, text, "to turn it off, set kiosk.live_view = false")


def running(context: Context) -> Iterator[Check]:
    """Whether hub and sense are running, and whether sense is isolated."""
    if not context.settings.kiosk.enabled or not context.settings.kiosk.port:
        yield Check("running", None, "unknown: doctor asks through the page, which the settings turn off")
    elif context.hub_state is None:
        yield Check("running", None, "no hub answers: Mien is not running here now")
    elif not (sense := context.hub_state["sense"])["available"]:
        fix = "start it with mien sense, or see journalctl -u mien-sense"
        yield Check("running", False, f"the hub runs, but sense does not: {sense['problem']}", fix)
    else:
        status = sense["isolation"]
        problems = "; ".join(context.hub_state["problems"])
        text = f"hub and sense run ({status['detail']}) {problems}".rstrip()
        yield Check("running", None if problems else True, text)

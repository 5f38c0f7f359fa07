"""`mien doctor`: every check with its fix; exit status 1 if the service could not work."""

import argparse
import json
import platform
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import msgspec

from device import __version__
from device.commands import JSON, Arguments
from device.commands.checks import devices, host, models, services
from device.commands.checks.context import Context
from device.commands.hub_api import get_json
from device.errors import MienError
from device.settings.load import load
from device.settings.locations import default_path
from device.settings.schema import Settings
from device.system.check import Check
from device.system.terminal import printable

CHECKS: tuple[Callable[[Context], Iterable[Check]], ...] = (
    host.packages,
    models.models,
    devices.camera,
    devices.microphone,
    host.disk_space,
    host.device_permissions,
    host.clock,
    host.temperature,
    host.throttling,
    services.broker,
    services.units,
    services.isolation,
    services.live_view,
    services.running,
)
"""In the order in which one would fix them. A check that does not apply yields nothing."""

ARGUMENTS: Arguments = {"--json": JSON}


def run(arguments: argparse.Namespace) -> int:
    """Print every check. Returns 1 when one of them failed."""
    checks = list(examine(arguments.settings))
    works = all(check.ok is not False for check in checks)
    if arguments.json:
        findings = [msgspec.to_builtins(check) | {"fix": check.fix} for check in checks]
        print(json.dumps({"version": __version__, "works": works, "findings": findings}))
    else:
        for check in checks:
            mark = {True: "ok  ", False: "BAD ", None: "note"}[check.ok]
            print(f"{mark} {check.name}: {printable(check.message)}")
            if check.fix:
                print(f"     -> {printable(check.fix)}")
        print("Mien can work here." if works else "Mien cannot work here yet; fix what is marked BAD above.")
    return int(not works)


def examine(path: Path | None) -> Iterator[Check]:
    """Run all checks with the settings file at `path`, or with the defaults if it is broken."""
    yield Check("python", sys.version_info >= (3, 11), f"{platform.python_version()} on {platform.machine()}")
    try:
        settings = load(path)
        shown = path or default_path()
        yield Check("settings", True, str(shown) if shown.exists() else "defaults (no file)")
    except MienError as error:
        yield Check("settings", False, str(error), "mien config check")
        settings = Settings()
    try:
        context = Context(settings, get_json(settings, "/api/state"))
    except MienError:
        context = Context(settings)
    for check in CHECKS:
        yield from check(context)

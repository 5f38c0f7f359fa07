"""The `hub` process: from the settings to the exit status, with its signals."""

import asyncio
import logging
import signal
from pathlib import Path

from device.errors import MienError
from device.hub.build import build_hub
from device.hub.preflight import check_start
from device.settings.reload import find_problem
from device.settings.schema import Settings
from device.system.isolation.privileges import forbid_core_files

_log = logging.getLogger(__name__)


def run_hub(settings: Settings, path: Path | None = None, *, dry: bool = False) -> int:
    """Run `mien hub` until SIGTERM, SIGINT, or until a SIGHUP when `path` has valid new settings.

    Returns the exit status. A MienError is logged, and the status is 1.
    """
    # A core file would hold passwords, and the live view's pictures.
    if problem := forbid_core_files():
        _log.warning("%s", problem)
    try:
        asyncio.run(_until_signal(settings, path, dry=dry))
    except MienError as error:
        _log.error("%s", error)
        return 1
    return 0


async def _until_signal(settings: Settings, path: Path | None, *, dry: bool) -> None:
    hub, stop = build_hub(settings, dry=dry), asyncio.Event()
    running_page = (settings.kiosk.listen, settings.kiosk.port) if settings.kiosk.enabled else None

    def reload() -> None:
        if problem := find_problem(path, lambda new: check_start(new, running_page)):
            hub.show(settings=problem)
        else:
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
    await hub.run(stop)

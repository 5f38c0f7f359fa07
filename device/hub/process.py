"""The `hub` process: from the settings to the exit status, and what its signals mean."""

import asyncio
import logging
import signal
from pathlib import Path

from device.errors import MienError
from device.hub.build import build_hub
from device.hub.preflight import try_start
from device.settings.reload import find_problem
from device.settings.schema import Settings

_log = logging.getLogger(__name__)


def run_hub(settings: Settings, path: Path | None = None, *, dry: bool = False) -> int:
    """`mien hub`: until SIGTERM or SIGINT, or a SIGHUP that finds new settings in `path` to start with.

    The exit status; a MienError is said in the log and is 1.
    """
    try:
        asyncio.run(_until_signal(settings, path, dry=dry))
    except MienError as error:
        _log.error("%s", error)
        return 1
    return 0


async def _until_signal(settings: Settings, path: Path | None, *, dry: bool) -> None:
    hub, stop = build_hub(settings, dry=dry), asyncio.Event()
    held = (settings.kiosk.listen, settings.kiosk.port) if settings.kiosk.enabled else None

    def look_again() -> None:
        if problem := find_problem(path, lambda new: try_start(new, held)):
            hub.show(settings=problem)
        else:
            stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, look_again)
    await hub.run(stop)

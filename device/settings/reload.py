"""SIGHUP: the settings are read again.

Good ones end the process, for whoever started it to start it anew with them; broken ones, and those that nothing could
be started with, change nothing, and are said.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from device.errors import MienError, SettingsError
from device.settings.load import load
from device.settings.locations import default_path, socket_path
from device.settings.schema import Settings

_log = logging.getLogger(__name__)


def try_places(settings: Settings) -> None:
    """What both processes need before all else: where things are kept, and where the door is. Raises MienError."""
    for key in ("state_dir", "runtime_dir"):
        try:
            getattr(settings, key)
        except SettingsError as error:
            raise SettingsError(f"home.{key}: {error}") from error
    socket_path(settings.runtime_dir)


def problem_of(path: Path | None, attempt: Callable[[Settings], None] = try_places) -> str:
    """Why the settings in `path` (None: the default place) cannot be taken over; empty when they can.

    `attempt` tries what a start with them needs, and raises MienError.
    """
    try:
        settings = load(path)
    except SettingsError as error:
        return _refused(str(error))
    try:
        attempt(settings)
    except MienError as error:
        return _refused(f"{path or default_path()}: {error}")
    _log.info("the settings are good: ending, to begin anew with them")
    return ""


def _refused(why: str) -> str:
    said = f"new settings were not taken over, the old ones hold: {why}"
    _log.error("%s", said)
    return said

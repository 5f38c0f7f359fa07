"""SIGHUP: read the settings again.

If they are good, the process ends, and its supervisor starts it again with the new ones. If they are broken, or the
process could not start with them, nothing changes and an error is logged.
"""

import logging
from collections.abc import Callable
from pathlib import Path

from device.errors import MienError, SettingsError
from device.settings.load import load
from device.settings.locations import default_path, socket_path
from device.settings.schema import Settings

_log = logging.getLogger(__name__)


def check_folders(settings: Settings) -> None:
    """Check what both processes need first: the state folder and the socket's folder. Raises MienError."""
    for key in ("state_dir", "runtime_dir"):
        try:
            getattr(settings, key)
        except SettingsError as error:
            raise SettingsError(f"home.{key}: {error}") from error
    socket_path(settings.runtime_dir)


def find_problem(path: Path | None, check: Callable[[Settings], None] = check_folders) -> str:
    """Why the settings in `path` (None: the default place) cannot be used; empty if they can.

    `check` tries everything that starting with these settings needs, and raises MienError.
    """
    where = ""  # `load` names the file itself
    try:
        settings = load(path)
        where = f"{path or default_path()}: "
        check(settings)
    except MienError as error:
        problem = f"the new settings were not applied, the old ones stay in use: {where}{error}"
        _log.error("%s", problem)
        return problem
    _log.info("the new settings are good: ending, to start again with them")
    return ""

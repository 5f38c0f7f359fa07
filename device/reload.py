"""SIGHUP: the settings are read again.

Good ones end the process, for whoever started it to start it anew with them; broken ones change nothing, and are said.
"""

import logging
from pathlib import Path

from device.errors import SettingsError
from device.settings import load

_log = logging.getLogger(__name__)


def problem_of(path: Path | None) -> str:
    """Why the settings in `path` (None: the default place) cannot be taken over; empty when they can."""
    try:
        load(path)
    except SettingsError as error:
        said = f"new settings were not taken over, the old ones hold: {error}"
        _log.error("%s", said)
        return said
    _log.info("the settings are good: ending, to begin anew with them")
    return ""

"""Which profile holds: chosen by a person, kept over a restart, the settings' first where none was chosen."""

import logging
from pathlib import Path

import msgspec
from msgspec import Struct

from device.system.state_file import keep

_log = logging.getLogger(__name__)

FILE_NAME = "profile.json"


class _Chosen(Struct, frozen=True):
    profile: str


def load(state_dir: Path, profiles: tuple[str, ...]) -> str:
    """The chosen one of `profiles`; the first where none was chosen, or the file or the choice is not to be used."""
    path = state_dir / FILE_NAME
    try:
        chosen = msgspec.json.decode(path.read_bytes(), type=_Chosen).profile
    except FileNotFoundError:
        return profiles[0]
    except (OSError, msgspec.DecodeError) as error:
        _log.warning("%s: cannot be read (%s); the profile is %s", path, error, profiles[0])
        return profiles[0]
    if chosen not in profiles:
        _log.warning("%s: the settings have no profile %r any more; it is %s", path, chosen, profiles[0])
        return profiles[0]
    return chosen


def save(state_dir: Path, profile: str) -> None:
    """Whole or not at all, and on the disk before it returns. Raises OSError."""
    keep(state_dir / FILE_NAME, _Chosen(profile))

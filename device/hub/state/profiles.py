"""Which profile holds: chosen by a person, kept over a restart, the settings' first where none was chosen."""

import logging
from pathlib import Path

from msgspec import Struct

from device.system.state_file import StateFile

_log = logging.getLogger(__name__)

FILE_NAME = "profile.json"


class _Chosen(Struct, frozen=True):
    profile: str


def load(state_dir: Path, profiles: tuple[str, ...]) -> str:
    """The chosen one of `profiles`; the first where none was chosen, or the file or the choice is not to be used."""
    file = _file(state_dir, f"the profile is {profiles[0]}")
    chosen = file.load(_Chosen(profiles[0])).profile
    if chosen not in profiles:
        _log.warning("%s: the settings have no profile %r any more; it is %s", file.path, chosen, profiles[0])
        return profiles[0]
    return chosen


def save(state_dir: Path, profile: str) -> None:
    """Write the choice; it is on the disk when this returns. Raises OSError."""
    _file(state_dir).save(_Chosen(profile))


def _file(state_dir: Path, consequence: str = "") -> StateFile[_Chosen]:
    return StateFile(state_dir / FILE_NAME, _Chosen, consequence)

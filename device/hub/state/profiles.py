"""The active profile: the one last chosen, which survives a restart, or else the first one in the settings."""

import logging
from pathlib import Path

from msgspec import Struct

from device.system.state_file import StateFile

_log = logging.getLogger(__name__)

FILE_NAME = "profile.json"


class _Selection(Struct, frozen=True):
    profile: str


def load(state_dir: Path, profiles: tuple[str, ...]) -> str:
    """The stored choice among `profiles`; the first one if nothing was chosen or the choice cannot be used."""
    file = StateFile(state_dir / FILE_NAME, _Selection, f"{profiles[0]} is the active profile")
    chosen = file.load(_Selection(profiles[0])).profile
    if chosen not in profiles:
        _log.warning("%s: the settings no longer have a profile %r; %s is active", file.path, chosen, profiles[0])
        return profiles[0]
    return chosen


def save(state_dir: Path, profile: str) -> None:
    """Write the choice; it is on the disk when this returns. Raises OSError."""
    StateFile(state_dir / FILE_NAME, _Selection, "").save(_Selection(profile))

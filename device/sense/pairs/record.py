"""Which pairs are in use instead of those that are shipped: one small file, so that one rename changes all of it."""

import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from device.errors import ModelError
from device.sense.model import Word
from device.settings import Settings

SERVICE = Path("/var/lib/mien-sense")
"""What systemd/mien-sense.service keeps its state in."""
RECORD = "in_use.json"
_MOST_BYTES = 100_000


class Installed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A pair that was installed."""

    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """`Pair.digest`: its folder's name, and what its files must still hash to."""
    version: Word
    installed_utc_s: float
    turn: Annotated[int, Meta(ge=1)]
    """Of which install: those of one command have the same, and a clock that jumps does not change their order."""
    tried_with: str
    """The runtime and processor that it was tried with; others may crash on it."""


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One of PAIRS. None is the pair that is shipped."""

    now: Installed | None = None
    before: Installed | None = None
    rolled_back_utc_s: float | None = None
    """When `now` became so by a rollback."""


class Name(StrEnum):
    """PAIRS, for the type of the record."""

    FACE = "face"
    VOICE = "voice"
    PROSODY = "prosody"


class Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    format: Literal[1] = 1
    slots: dict[Name, Slot] = {}
    turn: Annotated[int, Meta(ge=0)] = 0
    """Of the last install."""

    def slot(self, name: str) -> Slot:
        """Of one of PAIRS; that of the shipped pair where none was installed."""
        return self.slots.get(Name(name), Slot())


def folder_of(state_dir: Path) -> Path:
    """Where the record and the installed pairs are."""
    return state_dir / "models"


def home_of(name: str, digest: str) -> str:
    """The name of a pair's own folder in there."""
    return f"{name}-{digest[:32]}"


def state_of(settings: Settings) -> Path:
    """The state folder whose `sense` is meant: for root it is the service's, unless something else is said."""
    said = os.environ.get("STATE_DIRECTORY")
    if os.geteuid() != 0 or settings.home.state_dir:
        return settings.state_dir
    # Root's `mien` (systemd/mien) says the hub's folder, which no sense may look into.
    if said == str(SERVICE.with_name("mien-hub")) or (not said and SERVICE.is_dir()):
        return SERVICE
    return settings.state_dir


def read_record(state_dir: Path) -> Record:
    """What is in use; an empty one where nothing was installed. Raises ModelError when it cannot be told."""
    path = folder_of(state_dir) / RECORD
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MOST_BYTES), type=Record)
    except (FileNotFoundError, NotADirectoryError):
        return Record()
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error

"""Which pair is read with: the installed one where there is a sound one, the shipped one otherwise."""

import os
import platform
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from device.errors import ModelError
from device.perception.models.bundle import ModelBundle, read_bundle
from device.perception.models.card import MODELS, Word
from device.perception.models.inputs import check_card, open_model
from device.perception.models.model import Model
from device.perception.models.smoke_test import try_out
from device.perception.tflite import runtime
from device.settings.schema import Settings

SERVICE = Path("/var/lib/mien-sense")
"""What systemd/mien-sense.service keeps its state in."""
RECORD = "in_use.json"
_MAX_BYTES = 100_000


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


class InstalledModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
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


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The file."""

    format: Literal[1] = 1
    slots: dict[Name, InstalledModel] = {}
    turn: Annotated[int, Meta(ge=0)] = 0
    """Of the last install."""

    def slot(self, name: str) -> InstalledModel:
        """Of one of PAIRS; that of the shipped pair where none was installed."""
        return self.slots.get(Name(name), InstalledModel())


def models_folder(state_dir: Path) -> Path:
    """Where the record and the installed pairs are."""
    return state_dir / "models"


def state_home(name: str, digest: str) -> str:
    """The name of a pair's own folder in there."""
    return f"{name}-{digest[:32]}"


def state_folder(settings: Settings) -> Path:
    """The state folder whose `sense` is meant: for root it is the service's, unless something else is said."""
    said = os.environ.get("STATE_DIRECTORY")
    if os.geteuid() != 0 or settings.home.state_dir:
        return settings.state_dir
    # Root's `mien` (systemd/mien) says the hub's folder, which no sense may look into.
    if said == str(SERVICE.with_name("mien-hub")) or (not said and SERVICE.is_dir()):
        return SERVICE
    return settings.state_dir


def read_registry(state_dir: Path) -> Registry:
    """What is in use; an empty one where nothing was installed. Raises ModelError when it cannot be told."""
    path = models_folder(state_dir) / RECORD
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=Registry)
    except (FileNotFoundError, NotADirectoryError):
        return Registry()
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error


_REMEDY = "the shipped one is used; install another (mien models install FILE), or give it up (mien models rollback)"


@dataclass(frozen=True)
class Selection:
    """A pair that passed every check, and how it came to be the one."""

    model: Model
    slot: InstalledModel
    """What the record says, if it can be read."""
    path: Path
    """Of the network in use."""
    damage: str = ""
    """For a person: why the shipped pair is used and not the installed one; empty when all is well."""

    @property
    def installed(self) -> Installed | None:
        """The pair in use, unless it is the shipped one."""
        return None if self.damage else self.slot.now


def select(name: str, state_dir: Path, shipped: Path = MODELS) -> Selection:
    """The pair `name` to read with. Raises ModelError where the shipped one is needed and is damaged too."""
    try:
        record, damage = read_registry(state_dir), ""
    except ModelError as error:
        record, damage = Registry(), f"which models are installed is not known: {error}; {_REMEDY}"
    slot = record.slot(name)
    if slot.now is not None:
        try:
            pair = installed_bundle(name, slot.now.digest, state_dir)
            # It was tried when it was installed; a Mien that was updated since, or a card moved to another board,
            # may have a runtime that dies of it, and then no later line would be reached.
            if slot.now.tried_with != machine():
                check_card(pair)
                try_out(pair)
            return Selection(open_model(pair), slot, Path(pair.path))
        except ModelError as error:
            damage = f"the installed {name} model is damaged ({error}): {_REMEDY}"
    try:
        return Selection(open_model(shipped_bundle(name, shipped)), slot, shipped / f"{name}.tflite", damage)
    except ModelError as error:
        raise ModelError(f"{error}; {damage}" if damage else str(error)) from error


def shipped_bundle(name: str, shipped: Path = MODELS) -> ModelBundle:
    """The last resort. Raises ModelError when it cannot be read."""
    return read_bundle(name, shipped)


def installed_bundle(name: str, digest: str, state_dir: Path) -> ModelBundle:
    """An installed pair, as whole as when it was installed. Raises ModelError."""
    pair = read_bundle(name, models_folder(state_dir) / state_home(name, digest), "")
    if pair.digest != digest:
        raise ModelError(f"{pair.path}: is not what was installed, or its card is not")
    return pair


def machine() -> str:
    """The runtime and the processor that a pair is tried with. Raises ModelError where there is no runtime."""
    return f"{'-'.join(runtime())} {platform.machine()}"

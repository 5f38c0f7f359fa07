"""Which models are in use: the installed one if it is undamaged, otherwise the shipped one."""

import os
import platform
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, field

from device.errors import ModelError
from device.perception.models.bundle import ModelBundle, read_bundle
from device.perception.models.card import MODELS, Word
from device.perception.models.hangs import MAX_HANGS, HangRecord
from device.perception.models.inputs import check_card, open_model
from device.perception.models.model import Model
from device.perception.models.smoke_test import run_smoke_test
from device.perception.tflite import runtime
from device.settings.schema import Settings

SERVICE = Path("/var/lib/mien-sense")
"""The state folder of systemd/mien-sense.service."""
REGISTRY = "in_use.json"
_MAX_BYTES = 100_000


class Installed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model that was installed."""

    digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    """`ModelBundle.digest`: it names the folder, and the files must still match it."""
    version: Word
    installed_utc_s: float
    install: Annotated[int, Meta(ge=1)] = field(name="turn")
    """The number of the install command: all models of one command share it, and it does not depend on a clock."""
    tested_with: str = field(name="tried_with")
    """The runtime and processor of its smoke test; it may crash on others."""


class InstalledModel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is installed under one of MODEL_NAMES. None is the shipped model."""

    now: Installed | None = None
    before: Installed | None = None
    rolled_back_utc_s: float | None = None
    """When a rollback put `now` back in use."""


Name = StrEnum("Name", ["FACE", "VOICE", "PROSODY"])
"""MODEL_NAMES as a type, for the registry."""


class Registry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The registry's file."""

    format: Literal[1] = 1
    slots: dict[Name, InstalledModel] = {}
    installs: Annotated[int, Meta(ge=0)] = field(default=0, name="turn")
    """How many install commands have been run."""

    def slot(self, name: str) -> InstalledModel:
        """The entry of one of MODEL_NAMES; an empty one if nothing was installed."""
        return self.slots.get(Name(name), InstalledModel())


def models_folder(state_dir: Path) -> Path:
    """Where the registry and the installed models are."""
    return state_dir / "models"


def bundle_folder(name: str, digest: str) -> str:
    """The name of a model's own folder in that folder."""
    return f"{name}-{digest[:32]}"


def state_folder(settings: Settings) -> Path:
    """The state folder of the `sense` that the user means; for root, the service's by default."""
    configured = os.environ.get("STATE_DIRECTORY")
    if os.geteuid() != 0 or settings.home.state_dir:
        return settings.state_dir
    # Root's `mien` (systemd/mien) sets the hub's folder, which `sense` cannot read.
    if configured == str(SERVICE.with_name("mien-hub")) or (not configured and SERVICE.is_dir()):
        return SERVICE
    return settings.state_dir


def read_registry(state_dir: Path) -> Registry:
    """The registry; an empty one if nothing was installed. Raises ModelError when it cannot be read."""
    path = models_folder(state_dir) / REGISTRY
    try:
        with path.open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_BYTES), type=Registry)
    except (FileNotFoundError, NotADirectoryError):
        return Registry()
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error


_REMEDY = "the shipped one is used (mien models install FILE, mien models rollback)"


@dataclass(frozen=True)
class Selection:
    """The model to use, with every check passed, and why it is this one."""

    model: Model
    slot: InstalledModel
    """The registry's entry, if the registry can be read."""
    path: Path
    """The network's path."""
    damage: str = ""
    """For a person: why the shipped model is used instead of the installed one; empty if all is well."""

    @property
    def installed(self) -> Installed | None:
        """The model in use, unless it is the shipped one."""
        return None if self.damage else self.slot.now


def select(name: str, state_dir: Path, shipped: Path = MODELS, hangs: HangRecord | None = None) -> Selection:
    """Choose and load the model `name`. Raises ModelError if the shipped one is needed and damaged, too.

    With `hangs`, a model that has made sense hang too often counts as damaged.
    """
    try:
        registry, damage = read_registry(state_dir), ""
    except ModelError as error:
        registry, damage = Registry(), f"which models are installed is unknown: {error}; {_REMEDY}"
    slot = registry.slot(name)
    if slot.now is not None:
        try:
            if hangs and (count := hangs.count(slot.now.digest)) >= MAX_HANGS:
                raise ModelError(f"sense hung {count} times while it was in use")
            bundle = read_installed(name, slot.now.digest, state_dir)
            # After an update of Mien, or with the SD card in another computer, the runtime may crash on a model that
            # passed its smoke test when it was installed.
            if slot.now.tested_with != describe_machine():
                check_card(bundle)
                run_smoke_test(bundle)
            return Selection(open_model(bundle), slot, Path(bundle.path))
        except ModelError as error:
            # Health has room for 200 characters of this, so the file is named without its folder.
            folder = models_folder(state_dir) / bundle_folder(name, slot.now.digest)
            reason = str(error).replace(f"{folder}/", "")
            damage = f"the installed {name} model is damaged: {reason}; {_REMEDY}"
    try:
        return Selection(open_model(read_shipped(name, shipped)), slot, shipped / f"{name}.tflite", damage)
    except ModelError as error:
        raise ModelError(f"{error}; {damage}" if damage else str(error)) from error


def read_shipped(name: str, shipped: Path = MODELS) -> ModelBundle:
    """The model that ships with Mien. Raises ModelError when it cannot be read."""
    return read_bundle(name, shipped)


def read_installed(name: str, digest: str, state_dir: Path) -> ModelBundle:
    """An installed model, unchanged since its installation. Raises ModelError."""
    bundle = read_bundle(name, models_folder(state_dir) / bundle_folder(name, digest), "")
    if bundle.digest != digest:
        raise ModelError(f"{bundle.path}: is not what was installed, or its card is not")
    return bundle


def describe_machine() -> str:
    """The runtime and the processor that a smoke test runs on. Raises ModelError without a runtime."""
    return f"{'-'.join(runtime())} {platform.machine()}"

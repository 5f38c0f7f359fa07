"""`mien models install` and `rollback`: replace the shipped models with others, after every check, and go back."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from device.errors import ModelError
from device.perception.models.bundle import ModelBundle
from device.perception.models.card import MODEL_NAMES, MODELS
from device.perception.models.inputs import check_card, open_model
from device.perception.models.registry import (
    Installed,
    InstalledModel,
    Name,
    Registry,
    describe_machine,
    read_installed,
    read_registry,
    read_shipped,
)
from device.perception.models.smoke_test import run_smoke_test
from device.perception.models.storage import ModelFolder


@dataclass(frozen=True)
class Change:
    """What happened to one of MODEL_NAMES."""

    name: str
    version: str
    """The version in use from now on."""
    before: str
    """The version that was in use before; the same one if nothing was changed."""
    shipped: bool
    """Whether the model in use from now on is the shipped one."""
    changed: bool
    reading_s: float = 0.0
    """How long a reading took in the smoke test; 0 without one."""
    passed_over: str = ""
    """Why a rollback went back more than one step; otherwise empty."""


class ModelStore(ModelFolder):
    """Used in a `with` block, open for one writer. Every method may raise ModelError, and then changes nothing."""

    def __init__(self, state_dir: Path, shipped: Path = MODELS) -> None:
        super().__init__(state_dir)
        self._shipped = shipped

    def install(self, bundles: Sequence[ModelBundle]) -> list[Change]:
        """Check all, then change all. A model that is in use already, and undamaged, stays as it is."""
        try:
            old = read_registry(self._state_dir)
        except ModelError:
            old = Registry()  # without a registry no installed model is in use
        tested_with = describe_machine()
        number = old.installs + 1
        changes, slots = [], dict(old.slots)
        for bundle in bundles:
            card = check_card(bundle)
            slot = old.slot(bundle.name)
            before = self._version(bundle.name, slot.now)
            if self._is_used(bundle, slot.now):
                changes.append(Change(bundle.name, card.version, card.version, slot.now is None, changed=False))
                continue
            reading_s = run_smoke_test(bundle)
            now = Installed(bundle.digest, card.version, time.time(), number, tested_with)
            # Installing the model in use again repairs it; the one before it stays the same.
            again = slot.now is not None and slot.now.digest == now.digest
            slots[Name(bundle.name)] = InstalledModel(now, slot.before if again else slot.now)
            changes.append(Change(bundle.name, card.version, before, False, changed=True, reading_s=reading_s))
        new_bundles = [bundle for bundle, change in zip(bundles, changes, strict=True) if change.changed]
        if new_bundles:
            self.replace(old, Registry(slots=slots, installs=number), new_bundles)
        return changes

    def rollback(self, name: str | None = None) -> list[Change]:
        """Back to the model before, and from there to the shipped one; without a name, all of the last install."""
        try:
            old = read_registry(self._state_dir)
        except ModelError:
            # With a damaged registry the shipped models are in use already: an empty one takes its place.
            self.replace(Registry(), Registry())
            versions = {name: self._version(name, None) for name in MODEL_NAMES}
            return [Change(one, version, version, True, changed=True) for one, version in versions.items()]
        installed = {str(one): slot.now for one, slot in old.slots.items() if slot.now is not None}
        if not installed or (name is not None and name not in installed):
            subject = f"the shipped {name} model is" if name else "the shipped models are"
            raise ModelError(f"{subject} in use: there is nothing to go back to")
        last = max(one.install for one in installed.values())
        names = [name] if name else [one for one in MODEL_NAMES if one in installed and installed[one].install == last]
        slots, changes = dict(old.slots), []
        for one in names:
            slot = slots[Name(one)]
            to, passed_over = slot.before, ""
            if to is not None:
                try:
                    open_model(read_installed(one, to.digest, self._state_dir))
                except ModelError as error:
                    to, passed_over = None, str(error)
            if to is None:
                open_model(read_shipped(one, self._shipped))
            slots[Name(one)] = InstalledModel(to, None, time.time())
            now, before = self._version(one, to), self._version(one, slot.now)
            changes.append(Change(one, now, before, to is None, changed=True, passed_over=passed_over))
        self.replace(old, msgspec.structs.replace(old, slots=slots))
        return changes

    def _is_used(self, bundle: ModelBundle, now: Installed | None) -> bool:
        try:
            if now is None:
                return read_shipped(bundle.name, self._shipped).digest == bundle.digest
            tested = now.digest == bundle.digest and now.tested_with == describe_machine()
            return tested and self.has(bundle)
        except ModelError:
            return False

    def _version(self, name: str, installed: Installed | None) -> str:
        if installed is not None:
            return installed.version
        try:
            return check_card(read_shipped(name, self._shipped)).version
        except ModelError:
            return "none that can be used"

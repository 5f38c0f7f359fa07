"""`mien models install` and `rollback`: pairs that take the place of the shipped ones, all checked before."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

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
    installed_bundle,
    machine,
    read_registry,
    shipped_bundle,
)
from device.perception.models.smoke_test import try_out
from device.perception.models.storage import ModelFolder


@dataclass(frozen=True)
class Change:
    """What became of one of MODEL_NAMES."""

    name: str
    version: str
    """In use from now on."""
    before: str
    """The version that was in use; the same one where nothing was changed."""
    shipped: bool
    """Whether it is the shipped pair that is in use from now on."""
    changed: bool
    reading_s: float = 0.0
    """How long a reading took when it was tried; 0 when it was not."""
    passed_over: str = ""
    """Why a rollback went further back than one step; else empty."""


class ModelStore:
    """Open for one writer, from `with` to its end. Every method raises ModelError, and then nothing is changed."""

    def __init__(self, state_dir: Path, shipped: Path = MODELS) -> None:
        self._state_dir, self._shipped = state_dir, shipped
        self._folder = ModelFolder(state_dir)

    def __enter__(self) -> Self:
        self._folder.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        self._folder.__exit__()

    def install(self, pairs: Sequence[ModelBundle]) -> list[Change]:
        """Check all, then change all. One that is in use already, and whole, is left as it is."""
        record = self._record()
        tried_with = machine()
        turn = record.turn + 1
        changes, slots = [], dict(record.slots)
        for pair in pairs:
            card = check_card(pair)
            slot = record.slot(pair.name)
            before = self._version(pair.name, slot.now)
            if self._is_used(pair, slot.now):
                changes.append(Change(pair.name, card.version, card.version, slot.now is None, changed=False))
                continue
            reading_s = try_out(pair)
            now = Installed(pair.digest, card.version, time.time(), turn, tried_with)
            # Where the pair in use was damaged, and is put back, the one before stays what it is.
            again = slot.now is not None and slot.now.digest == now.digest
            slots[Name(pair.name)] = InstalledModel(now, slot.before if again else slot.now)
            changes.append(Change(pair.name, card.version, before, False, changed=True, reading_s=reading_s))
        wanted = [pair for pair, change in zip(pairs, changes, strict=True) if change.changed]
        if wanted:
            self._folder.change(Registry(slots=slots, turn=turn), record, wanted)
        return changes

    def rollback(self, name: str | None = None) -> list[Change]:
        """Back to the pair before, and from there to the shipped one; without a name, all of the last install."""
        try:
            record = read_registry(self._state_dir)
        except ModelError:
            return self._begin_anew()
        installed = {str(one): slot.now for one, slot in record.slots.items() if slot.now is not None}
        if not installed or (name is not None and name not in installed):
            of = f"the shipped {name} model is" if name else "the shipped models are"
            raise ModelError(f"{of} in use: there is nothing to go back to")
        last = max(one.turn for one in installed.values())
        names = [name] if name else [one for one in MODEL_NAMES if one in installed and installed[one].turn == last]
        slots, changes = dict(record.slots), []
        for one in names:
            slot = slots[Name(one)]
            to, passed_over = slot.before, ""
            if to is not None:
                try:
                    open_model(installed_bundle(one, to.digest, self._state_dir))
                except ModelError as error:
                    to, passed_over = None, str(error)
            if to is None:
                open_model(shipped_bundle(one, self._shipped))
            slots[Name(one)] = InstalledModel(to, None, time.time())
            now, before = self._version(one, to), self._version(one, slot.now)
            changes.append(Change(one, now, before, to is None, changed=True, passed_over=passed_over))
        self._folder.change(msgspec.structs.replace(record, slots=slots), record)
        return changes

    def _begin_anew(self) -> list[Change]:
        """The shipped pairs are in use since the record cannot be read; from now on because nothing else is there."""
        self._folder.change(Registry(), Registry())
        shipped = [(name, self._version(name, None)) for name in MODEL_NAMES]
        return [Change(name, version, version, True, changed=True) for name, version in shipped]

    def _record(self) -> Registry:
        """One that cannot be read is written anew: with it lost, no pair of the folder is in use."""
        try:
            return read_registry(self._state_dir)
        except ModelError:
            return Registry()

    def _is_used(self, pair: ModelBundle, now: Installed | None) -> bool:
        try:
            if now is None:
                return shipped_bundle(pair.name, self._shipped).digest == pair.digest
            return now.digest == pair.digest and now.tried_with == machine() and self._folder.has(pair)
        except ModelError:
            return False

    def _version(self, name: str, installed: Installed | None) -> str:
        if installed is not None:
            return installed.version
        try:
            return check_card(shipped_bundle(name, self._shipped)).version
        except ModelError:
            return "none that can be used"

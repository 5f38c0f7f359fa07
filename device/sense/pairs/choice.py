"""Which pair is read with: the installed one where there is a sound one, the shipped one otherwise."""

import platform
from dataclasses import dataclass
from pathlib import Path

from device.errors import ModelError
from device.sense.model import MODELS, Model
from device.sense.pairs.fit import check_card, fitting
from device.sense.pairs.pair import Pair, read_pair
from device.sense.pairs.record import Installed, Record, Slot, folder_of, home_of, read_record
from device.sense.pairs.trial import try_out
from device.sense.tflite import runtime

_REMEDY = "the shipped one is used; install another (mien models install FILE), or give it up (mien models rollback)"


@dataclass(frozen=True)
class Choice:
    """A pair that passed every check, and how it came to be the one."""

    model: Model
    slot: Slot
    """What the record says, if it can be read."""
    path: Path
    """Of the network in use."""
    damage: str = ""
    """For a person: why the shipped pair is used and not the installed one; empty when all is well."""

    @property
    def installed(self) -> Installed | None:
        """The pair in use, unless it is the shipped one."""
        return None if self.damage else self.slot.now


def choose(name: str, state_dir: Path, shipped: Path = MODELS) -> Choice:
    """The pair `name` to read with. Raises ModelError where the shipped one is needed and is damaged too."""
    try:
        record, damage = read_record(state_dir), ""
    except ModelError as error:
        record, damage = Record(), f"which models are installed is not known: {error}; {_REMEDY}"
    slot = record.slot(name)
    if slot.now is not None:
        try:
            pair = kept_pair(name, slot.now.digest, state_dir)
            # It was tried when it was installed; a Mien that was updated since, or a card moved to another board,
            # may have a runtime that dies of it, and then no later line would be reached.
            if slot.now.tried_with != machine():
                check_card(pair)
                try_out(pair)
            return Choice(fitting(pair), slot, Path(pair.path))
        except ModelError as error:
            damage = f"the installed {name} model is damaged ({error}): {_REMEDY}"
    try:
        return Choice(fitting(shipped_pair(name, shipped)), slot, shipped / f"{name}.tflite", damage)
    except ModelError as error:
        raise ModelError(f"{error}; {damage}" if damage else str(error)) from error


def shipped_pair(name: str, shipped: Path = MODELS) -> Pair:
    """The last resort. Raises ModelError when it cannot be read."""
    return read_pair(name, shipped)


def kept_pair(name: str, digest: str, state_dir: Path) -> Pair:
    """An installed pair, as whole as when it was installed. Raises ModelError."""
    pair = read_pair(name, folder_of(state_dir) / home_of(name, digest), "")
    if pair.digest != digest:
        raise ModelError(f"{pair.path}: is not what was installed, or its card is not")
    return pair


def machine() -> str:
    """The runtime and the processor that a pair is tried with. Raises ModelError where there is no runtime."""
    return f"{'-'.join(runtime())} {platform.machine()}"

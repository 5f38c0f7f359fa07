"""The two files of a model, as bytes: read within limits, from wherever a person or Mien itself stores them."""

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec

from device.errors import ModelError

MAX_CARD_BYTES = 1_000_000
MAX_NETWORK_BYTES = 32_000_000
"""The largest network that ships has 0.9 MB."""
_MAX_ENTRIES = 1000
_MAX_ZIP_BYTES = 2 * MAX_NETWORK_BYTES
_NOTHING_CHANGED = "nothing was changed"


class ModelBundle(msgspec.Struct, frozen=True):
    """A model's files, not checked yet."""

    name: str
    card: bytes
    network: bytes
    path: str
    """The path of the network, used in messages."""
    remedy: str
    """What to do when something is wrong. Ends every message, unless it is empty."""

    def error(self, problem: str) -> ModelError:
        """An error that ends with the remedy."""
        return ModelError(f"{problem}; {self.remedy}" if self.remedy else problem)

    @property
    def card_path(self) -> str:
        """The card's path, for messages."""
        return self.path.removesuffix(".tflite") + ".json"

    @property
    def digest(self) -> str:
        """SHA-256 of both files, in hex: another card makes another model."""
        parts = (hashlib.sha256(part).digest() for part in (self.card, self.network))
        return hashlib.sha256(b"".join(parts)).hexdigest()


def read_bundle(name: str, folder: Path, remedy: str = "install Mien again") -> ModelBundle:
    """NAME.json and NAME.tflite of `folder`. Raises ModelError when one cannot be read or is too long."""
    network, card = folder / f"{name}.tflite", folder / f"{name}.json"
    try:
        card_bytes, network_bytes = _read(card, MAX_CARD_BYTES), _read(network, MAX_NETWORK_BYTES)
    except ModelError as error:
        raise ModelError(f"{error}; {remedy}" if remedy else str(error)) from error
    return ModelBundle(name, card_bytes, network_bytes, str(network), remedy)


def find_bundles(file: Path, names: Sequence[str]) -> list[ModelBundle]:
    """The models in what a person hands over: one of two files side by side, a folder, or a zip with both.

    Raises ModelError, also if it contains none of `names`.
    """
    # Path.is_dir and Path.exists raise where access is denied.
    if os.path.isdir(file):  # noqa: PTH112
        kinds = ("tflite", "json")
        found = [name for name in names if any(os.path.lexists(file / f"{name}.{kind}") for kind in kinds)]
        bundles = [read_bundle(name, file, _NOTHING_CHANGED) for name in found]
    elif file.suffix.lower() == ".zip":
        bundles = _read_zip(file, names)
    elif file.suffix in {".tflite", ".json"}:
        if file.stem not in names:
            message = f"{file}: Mien has no model of this name; it can be {' or '.join(names)}; {_NOTHING_CHANGED}"
            raise ModelError(message)
        return [read_bundle(file.stem, file.parent, _NOTHING_CHANGED)]
    else:
        raise ModelError(f"{file}: is no folder, and no file that ends in .tflite, .json or .zip; {_NOTHING_CHANGED}")
    if not bundles:
        choice = f"it can be {' or '.join(names)}, each .tflite and .json"
        raise ModelError(f"{file}: holds no model pair; {choice}; {_NOTHING_CHANGED}")
    return bundles


def _read_zip(file: Path, names: Sequence[str]) -> list[ModelBundle]:
    """The models in a zip. Nothing is unpacked to the disk; the folder of an entry does not matter."""
    try:
        with zipfile.ZipFile(io.BytesIO(_read(file, _MAX_ZIP_BYTES))) as opened:
            if len(opened.infolist()) > _MAX_ENTRIES:
                raise ModelError(f"{file}: has more than {_MAX_ENTRIES} entries")
            entries = {PurePosixPath(entry.filename).name for entry in opened.infolist()}
            bundles = []
            for name in names:
                if entries & {f"{name}.json", f"{name}.tflite"}:
                    card = _read_entry(file, opened, f"{name}.json", MAX_CARD_BYTES)
                    network = _read_entry(file, opened, f"{name}.tflite", MAX_NETWORK_BYTES)
                    bundles.append(ModelBundle(name, card, network, f"{file}/{name}.tflite", _NOTHING_CHANGED))
            return bundles
    except ModelError as error:
        raise ModelError(f"{error}; {_NOTHING_CHANGED}") from error
    except Exception as error:  # zipfile passes on any error of its decompressors
        raise ModelError(f"{file}: is no zip that can be read ({error}); {_NOTHING_CHANGED}") from error


def _read_entry(file: Path, opened: zipfile.ZipFile, name: str, max_bytes: int) -> bytes:
    found = [entry for entry in opened.infolist() if PurePosixPath(entry.filename).name == name]
    if len(found) != 1:
        raise ModelError(f"{file}: has {len(found)} entries of the name {name}, not one")
    with opened.open(found[0]) as stream:
        # The length that the entry claims may be wrong.
        content = stream.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ModelError(f"{file}: {name} is longer than {max_bytes:,} bytes")
    return content


def _read(path: Path, max_bytes: int) -> bytes:
    """The content of a regular file. Raises ModelError when it is longer than `max_bytes`, or cannot be read."""
    try:
        # Without O_NONBLOCK, opening a pipe of that name would block.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ModelError(f"{path}: cannot be read (it is no file)")
            content = file.read(max_bytes + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ModelError(f"{path!r}: cannot be read ({error})") from error
    if len(content) > max_bytes:
        raise ModelError(f"{path}: is longer than {max_bytes:,} bytes, too long for a model")
    return content

"""The two files of a model, as bytes: read within bounds, from wherever a person or Mien itself keeps them."""

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath

import msgspec

from device.errors import ModelError

MAX_CARD = 1_000_000
MAX_NETWORK = 32_000_000
"""Bytes. The largest that is shipped has 0.9 MB."""
_MAX_ENTRIES = 1000
_MAX_ZIP = 2 * MAX_NETWORK
_HANDED = "nothing was changed"


class ModelBundle(msgspec.Struct, frozen=True):
    """Unchecked: whatever the files hold."""

    name: str
    card: bytes
    network: bytes
    path: str
    """Of the network, for messages."""
    remedy: str
    """What to do when it is off: the end of every message, unless it is empty."""

    def off(self, said: str) -> ModelError:
        """The error that says it."""
        return ModelError(f"{said}; {self.remedy}" if self.remedy else said)

    @property
    def card_path(self) -> str:
        """Of the card, for messages."""
        return self.path.removesuffix(".tflite") + ".json"

    @property
    def digest(self) -> str:
        """SHA-256 of both files, in hex: a changed card is another pair."""
        parts = (hashlib.sha256(part).digest() for part in (self.card, self.network))
        return hashlib.sha256(b"".join(parts)).hexdigest()


def read_bundle(name: str, folder: Path, remedy: str = "install Mien again") -> ModelBundle:
    """NAME.json and NAME.tflite of `folder`. Raises ModelError when one cannot be read, or is too long."""
    network, card = folder / f"{name}.tflite", folder / f"{name}.json"
    try:
        return ModelBundle(name, _read(card, MAX_CARD), _read(network, MAX_NETWORK), str(network), remedy)
    except ModelError as error:
        raise ModelError(f"{error}; {remedy}" if remedy else str(error)) from error


def find_bundles(file: Path, names: Sequence[str]) -> list[ModelBundle]:
    """The pairs that a person hands over: one of two files that lie side by side, a folder, or a zip with both.

    Raises ModelError, also when there is none of `names`.
    """
    # Path.is_dir and Path.exists raise where nobody may look.
    if os.path.isdir(file):  # noqa: PTH112
        kinds = ("tflite", "json")
        found = [name for name in names if any(os.path.lexists(file / f"{name}.{kind}") for kind in kinds)]
        pairs = [read_bundle(name, file, _HANDED) for name in found]
    elif file.suffix.lower() == ".zip":
        pairs = _zipped(file, names)
    elif file.suffix in {".tflite", ".json"}:
        if file.stem not in names:
            raise ModelError(f"{file}: Mien has no model of this name; it can be {_listed(names)}; {_HANDED}")
        return [read_bundle(file.stem, file.parent, _HANDED)]
    else:
        raise ModelError(f"{file}: is no folder, and no file that ends in .tflite, .json or .zip; {_HANDED}")
    if not pairs:
        raise ModelError(f"{file}: holds no model pair; it can be {_listed(names)}, each .tflite and .json; {_HANDED}")
    return pairs


def _listed(names: Sequence[str]) -> str:
    return " or ".join(names)


def _zipped(file: Path, names: Sequence[str]) -> list[ModelBundle]:
    """Nothing is unpacked to the disk: an entry is known by its last name, and its folder means nothing."""
    try:
        with zipfile.ZipFile(io.BytesIO(_read(file, _MAX_ZIP))) as opened:
            if len(opened.infolist()) > _MAX_ENTRIES:
                raise ModelError(f"{file}: has more than {_MAX_ENTRIES} entries")
            return [
                ModelBundle(
                    name, member("json", MAX_CARD), member("tflite", MAX_NETWORK), f"{file}/{name}.tflite", _HANDED
                )
                for name in names
                if (member := _members(opened, name, str(file)))
            ]
    except ModelError as error:
        raise ModelError(f"{error}; {_HANDED}") from error
    except Exception as error:  # zipfile lets through whatever its decompressors raise
        raise ModelError(f"{file}: is no zip that can be read ({error}); {_HANDED}") from error


def _members(opened: zipfile.ZipFile, name: str, where: str) -> Callable[[str, int], bytes] | None:
    """Reads one of a pair's files by its kind, up to so many bytes; None where neither is there."""
    wanted = {f"{name}.{kind}" for kind in ("tflite", "json")}
    entries = [entry for entry in opened.infolist() if PurePosixPath(entry.filename).name in wanted]
    if not entries:
        return None

    def member(kind: str, most: int) -> bytes:
        found = [entry for entry in entries if PurePosixPath(entry.filename).name == f"{name}.{kind}"]
        if len(found) != 1:
            raise ModelError(f"{where}: has {len(found)} entries of the name {name}.{kind}, not one")
        with opened.open(found[0]) as stream:
            # Not by the length that the entry claims: that is a claim.
            content = stream.read(most + 1)
        if len(content) > most:
            raise ModelError(f"{where}: {name}.{kind} is longer than {most:,} bytes")
        return content

    return member


def _read(path: Path, most: int) -> bytes:
    """All of a regular file of at most so many bytes. Raises ModelError."""
    try:
        # A pipe of that name would be waited for without end.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise ModelError(f"{path}: cannot be read (it is no file)")
            content = file.read(most + 1)
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise ModelError(f"{path!r}: cannot be read ({error})") from error
    if len(content) > most:
        raise ModelError(f"{path}: is longer than {most:,} bytes, which no model is")
    return content

"""The gallery's index: what `mien gallery` writes, and hub shows the pictures by."""

import stat
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from device.emotions import Emotion
from device.errors import MediaError
from device.readings import Shares
from device.settings.types import Share

MAX_BYTES = 64_000_000
"""A longer file is no index: 100,000 pictures take 40 MB."""

Name = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""The beginning of the SHA-256 of the thumbnail, in hex: it can name no other place, and no other content."""


class IndexedFace(Struct, frozen=True):
    """What hub needs to know of a picture."""

    name: Name
    emotion: Emotion
    """The likeliest."""
    confidence: Share
    """Its calibrated probability."""

    def __post_init__(self) -> None:
        if self.emotion is Emotion.UNKNOWN:
            raise ValueError("a picture's emotion is one of the seven")


class Picture(IndexedFace, frozen=True):
    """A picture in which a face was read."""

    probabilities: Shares
    source: str
    """Where it was, below the folder that was indexed."""
    size: int
    """Bytes. With `changed_ns`, what tells that the file is as it was."""
    changed_ns: int


class NoFace(Struct, frozen=True):
    """A picture in which no face was found."""

    source: str
    size: int
    changed_ns: int


class GalleryView(Struct, frozen=True):
    """The index as hub reads it."""

    version: Literal[1]
    pictures: tuple[IndexedFace, ...]


class Index(Struct, frozen=True):
    """The whole of it."""

    version: Literal[1]
    folder: str
    """That was indexed; it need not be there any more."""
    read_by: str
    """The networks and settings. Others may read the same files otherwise."""
    pictures: tuple[Picture, ...]
    passed: tuple[NoFace, ...]


Kind = TypeVar("Kind", GalleryView, Index)


def gallery_folder(state_dir: Path) -> Path:
    """Where index and thumbnails are."""
    return state_dir / "gallery"


def picture_path(state_dir: Path) -> Path:
    """Where the index is."""
    return gallery_folder(state_dir) / "index.json"


def thumbnail(name: str) -> str:
    """The file's name of a picture."""
    return f"{name}.jpg"


def read_index(path: Path, kind: type[Kind]) -> Kind | None:
    """The index; None where there is none. Raises MediaError when it cannot be read, or was damaged."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_BYTES:
            raise MediaError(f"{path}: no file, or too long a one, for an index; remove it")
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise MediaError(
            f"{path}: cannot be used ({error}); index the folder again with: mien gallery FOLDER"
        ) from error

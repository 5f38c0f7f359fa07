"""The gallery's index: `mien gallery` writes it, and hub reads it to choose pictures."""

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
"""A longer file is not taken for an index: 100,000 pictures need 40 MB."""

Name = Annotated[str, Meta(pattern=r"^[0-9a-f]{32}\Z")]
"""The start of the thumbnail's SHA-256, in hex. It can name neither a path nor any other content."""


class IndexedFace(Struct, frozen=True):
    """What hub needs to know about a picture."""

    name: Name
    emotion: Emotion
    """The most likely emotion."""
    confidence: Share
    """The calibrated probability of `emotion`."""

    def __post_init__(self) -> None:
        if self.emotion is Emotion.UNKNOWN:
            raise ValueError("a picture's emotion is one of the seven")


class Picture(IndexedFace, frozen=True):
    """A picture with a face."""

    probabilities: Shares
    source: str
    """Its path below the indexed folder."""
    size: int
    """Bytes. If this and `changed_ns` are the same, the file has not changed."""
    changed_ns: int


class NoFace(Struct, frozen=True):
    """A picture in which no face was found."""

    source: str
    size: int
    changed_ns: int


class GalleryView(Struct, frozen=True):
    """The part of the index that hub reads."""

    version: Literal[1]
    pictures: tuple[IndexedFace, ...]


class Index(Struct, frozen=True):
    """The whole index."""

    version: Literal[1]
    folder: str
    """The indexed folder, which may no longer exist."""
    read_by: str
    """The networks and settings that read the files. Others may read different emotions in them."""
    pictures: tuple[Picture, ...]
    no_faces: tuple[NoFace, ...] = msgspec.field(name="passed")


Kind = TypeVar("Kind", GalleryView, Index)


def gallery_folder(state_dir: Path) -> Path:
    """The folder of the index and the thumbnails."""
    return state_dir / "gallery"


def index_path(state_dir: Path) -> Path:
    """The file of the index."""
    return gallery_folder(state_dir) / "index.json"


def thumbnail_name(name: str) -> str:
    """The file name of a picture's thumbnail."""
    return f"{name}.jpg"


def read_index(path: Path, kind: type[Kind]) -> Kind | None:
    """The index; None if there is none. Raises MediaError if it cannot be read, or is damaged."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_BYTES:
            raise MediaError(f"{path}: not a file, or too long for an index; remove it")
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise MediaError(
            f"{path}: cannot be used ({error}); index the folder again with: mien gallery FOLDER"
        ) from error

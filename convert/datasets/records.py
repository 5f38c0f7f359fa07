"""What the readers give: one record a sound, picture or video. Nothing is decoded before it is asked for.

What decodes is not imported before either: a machine that is lent for its GPU has PyTorch, NumPy and OpenCV, and
needs no more where a corpus is a table of pixels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets.labels import label_index
from device.emotions import Floats

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One file and all that its corpus tells of it; what it does not tell is empty."""

    name: str
    """Unlike any other of its corpus."""
    corpus: str
    path: Path
    own: str
    """The corpus's own label, in Mien's spelling (see `spelling`)."""
    person: str = ""
    sex: str = ""
    """F or M."""
    split: str = ""
    """The corpus's own: training, validation or test."""
    statement: str = ""
    """What is said, as the corpus calls it."""
    intensity: str = ""
    """How strongly it was to be acted: normal, strong; low, medium, high."""

    @property
    def emotion(self) -> int:
        """0..6 in EMOTIONS' order, or `spelling.NONE`."""
        return label_index(self.own)


@dataclass(frozen=True, kw_only=True)
class Sound(Record):
    """A sound file, or the file `member` of the zip at `path`."""

    member: str = ""


@dataclass(frozen=True, kw_only=True)
class Video(Record):
    """A video, with or without sound."""

    def frames(self) -> Iterator[tuple[Pixels, float]]:
        """Its pictures (height, width, 3) uint8 RGB, and seconds since its beginning; raises MediaError."""
        from device.perception.media.decode import video_frames

        return video_frames(self.path)

    def sound(self) -> Floats:
        """(n,) float32 mono at 16 kHz; raises MediaError, NoSoundError where there is none."""
        from device.perception.media.decode import read_sound

        return read_sound(self.path)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture(Record):
    """A picture of one face, in a file or, where the corpus is a table of pixels, in `tile`."""

    box: tuple[int, int, int, int] | None = None
    """Left, top, width, height of the face in px, where the corpus tells it."""
    tile: Pixels | None = None
    """(height, width) uint8 gray."""

    def gray(self) -> Pixels:
        """(height, width) uint8 of the face's box, or of the whole picture; raises MediaError."""
        if self.tile is not None:
            return self.tile
        pixels = read_gray(self.path)
        if self.box is None:
            return pixels
        left, top, width, height = self.box
        inside = pixels[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
        # A box beside the picture is a slip of the table: the picture itself shows the face.
        return inside if inside.size else pixels


def read_gray(path: Path) -> Pixels:
    """A picture file as (height, width) uint8; raises MediaError, naming the file."""
    from device.perception.media.picture import read_picture

    return np.asarray(cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2GRAY), np.uint8)


R = TypeVar("R", bound=Record)


class Reader(Protocol[R]):
    """Lists the corpus in a folder; raises MediaError when it is not whole, unless a `part` will do."""

    def __call__(self, folder: Path, *, part: bool = False) -> list[R]: ...  # noqa: D102


def tiles(pictures: Sequence[Picture], side: int = 48) -> npt.NDArray[np.uint8]:
    """(n, side, side) uint8 gray: every picture brought to one size. For corpora that are cropped to the face already.

    Raises MediaError, naming the file, where one cannot be read.
    """
    made = np.zeros((len(pictures), side, side), np.uint8)
    for i, picture in enumerate(pictures):
        gray = picture.gray()
        shrinks = min(gray.shape) > side
        way = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
        made[i] = gray if gray.shape == (side, side) else cv2.resize(gray, (side, side), interpolation=way)
    return made

"""Records that the readers return, one per sound, picture or video, and the description of a corpus.

Nothing is decoded before it is used, and the decoders are imported on use: a GPU machine with only PyTorch, NumPy and
OpenCV can train on a corpus that is a table of pixels.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets.audio_cache import Samples
from convert.datasets.labels import label_index
from device.emotions import Floats

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class Record:
    """One file and what its corpus says about it; unknown fields are empty."""

    name: str
    """Unique within its corpus."""
    corpus: str
    path: Path
    own: str
    """The corpus's own label, in Mien's spelling (see `labels`)."""
    person: str = ""
    sex: str = ""
    """F or M."""
    split: str = ""
    """The corpus's own split: training, validation or test."""
    statement: str = ""
    """The corpus's name of the sentence."""
    intensity: str = ""
    """Acted intensity: normal, strong; low, medium, high."""

    @property
    def emotion(self) -> int:
        """0..6 in EMOTIONS' order, or `labels.NONE`."""
        return label_index(self.own)


@dataclass(frozen=True, kw_only=True)
class Sound(Record):
    """A sound file, or the file `member` of the zip at `path`."""

    member: str = ""


@dataclass(frozen=True, kw_only=True)
class Video(Record):
    """A video, with or without sound."""

    def frames(self) -> Iterator[tuple[Pixels, float]]:
        """Frames (height, width, 3) uint8 RGB with their time in seconds; raises MediaError."""
        from device.perception.media.decode import video_frames

        return video_frames(self.path)

    def sound(self) -> Floats:
        """(n,) float32 mono at 16 kHz; raises MediaError, or NoSoundError when there is none."""
        from device.perception.media.decode import read_sound

        return read_sound(self.path)


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture(Record):
    """A picture of one face: a file, or `tile` when the corpus is a table of pixels."""

    box: tuple[int, int, int, int] | None = None
    """Left, top, width, height of the face in px, if the corpus has it."""
    tile: Pixels | None = None
    """(height, width) uint8 gray."""

    def gray(self) -> Pixels:
        """(height, width) uint8: the face's box, or the whole picture; raises MediaError."""
        if self.tile is not None:
            return self.tile
        pixels = read_gray(self.path)
        if self.box is None:
            return pixels
        left, top, width, height = self.box
        inside = pixels[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
        # A box outside the picture is an error in the table; the picture itself still shows the face.
        return inside if inside.size else pixels


def read_gray(path: Path) -> Pixels:
    """Read a picture file as (height, width) uint8; raises MediaError, naming the file."""
    from device.perception.media.picture import read_picture

    return np.asarray(cv2.cvtColor(read_picture(path), cv2.COLOR_RGB2GRAY), np.uint8)


R = TypeVar("R", bound=Record)


class Reader(Protocol[R]):
    """Lists the corpus in a folder. Raises MediaError when it is incomplete, unless `part` allows that."""

    def __call__(self, folder: Path, *, part: bool = False) -> list[R]: ...  # noqa: D102


@dataclass(frozen=True)
class Corpus:
    """One corpus; its name is unique among the corpora of its kind."""

    name: str
    about: str
    licence: str


@dataclass(frozen=True)
class ShippedSplit:
    """The speakers on whom the shipped voice networks are validated and tested; they train on all others."""

    validation: frozenset[str] = frozenset()
    test: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SpeechCorpus(Corpus):
    """Voices. `clips.read_corpus` decodes what `read` lists, and also knows the zips of shared/data."""

    read: Reader[Sound]
    split: ShippedSplit | None = None
    """None if the shipped networks do not train on this corpus."""


@dataclass(frozen=True)
class PictureCorpus(Corpus):
    """Pictures of faces."""

    read: Reader[Picture]


@dataclass(frozen=True)
class VideoCorpus(Corpus):
    """Videos of faces, with or without sound."""

    read: Reader[Video]


@dataclass(frozen=True)
class NoiseCorpus(Corpus):
    """Sounds without a voice; `read` is `esc10.read_noises` for this corpus."""

    read: Callable[..., tuple[list[Samples], list[str]]]


def tiles(pictures: Sequence[Picture], side: int = 48) -> npt.NDArray[np.uint8]:
    """Resize every picture to (n, side, side) uint8 gray. For corpora that are already cropped to the face.

    Raises MediaError, naming the file, when one cannot be read.
    """
    result = np.zeros((len(pictures), side, side), np.uint8)
    for i, picture in enumerate(pictures):
        gray = picture.gray()
        interpolation = cv2.INTER_AREA if min(gray.shape) > side else cv2.INTER_CUBIC
        result[i] = gray if gray.shape == (side, side) else cv2.resize(gray, (side, side), interpolation=interpolation)
    return result

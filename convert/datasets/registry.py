"""The front door: every corpus that Mien reads, by name, with what it is and under which licence it is given out.

    clips("emodb", Path("data/emodb"))             voices, decoded
    pictures("rafdb", Path("data/rafdb"))          faces, not decoded before they are asked for
    videos("cremad_video", Path("data/cremad"))    both at once, not decoded either

Each gives the seven emotions; `every` gives what is none of them too, with emotion `spelling.NONE` and the corpus's
own label, so that the corpus's own benchmark can be run. `part` allows a copy that is not whole, for a quick check.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from convert.datasets import affectnet, ckplus, cremad, fer2013, folders, jaffe, rafdb, ravdess, savee
from convert.datasets.audio_cache import Samples
from convert.datasets.clips import PUBLISHED, Clip, read_corpus
from convert.datasets.esc10 import read_noises
from convert.datasets.labels import NONE
from convert.datasets.records import Picture, Reader, Record, Video
from device.errors import MediaError

R = TypeVar("R", bound=Record)


@dataclass(frozen=True)
class About:
    """What a corpus is, and its terms."""

    says: str
    licence: str


@dataclass(frozen=True)
class Source(About, Generic[R]):
    """A corpus and its reader, which gives everything, whatever its emotion."""

    read: Reader[R]


_RESEARCH = "research only"
_RAVDESS = "CC BY-NC-SA 4.0"
_CREMAD = "ODbL 1.0"

SOUNDS: dict[str, About] = {
    "ravdess_speech": About("RAVDESS speech: 24 actors, 8 emotions, 1,440 clips", _RAVDESS),
    "ravdess_song": About("RAVDESS song: 23 actors, 6 emotions, 1,012 clips", _RAVDESS),
    "tess": About("TESS: 2 women, 7 emotions, 2,800 clips", "CC BY-NC-ND 4.0"),
    "savee": About("SAVEE: 4 men, 7 emotions, 480 clips", _RESEARCH),
    "cremad": About("CREMA-D: 91 actors, 6 emotions, 7,442 clips", _CREMAD),
    "emodb": About("EmoDB: 10 actors, German, 7 emotions with boredom, 535 clips", "free to use, to be cited"),
    "folders": About("any sounds in a folder an emotion", "its own"),
}
"""Voices; their readers are `speech.PUBLISHED`, and `speech.read_corpus` knows shared/data's layout too."""

PICTURES: dict[str, Source[Picture]] = {
    "fer2013": Source("FER2013: 7 emotions, 35,887 faces of 48×48", "Kaggle ICML 2013, " + _RESEARCH, fer2013.read),
    "ckplus": Source("CK+: 118 people, 8 emotions, 327 sequences", _RESEARCH + ", by agreement", ckplus.read),
    "jaffe": Source("JAFFE: 10 women, 7 emotions, 213 pictures", _RESEARCH, jaffe.read),
    "rafdb": Source("RAF-DB basic: 7 emotions, 15,339 faces", _RESEARCH + ", by agreement", rafdb.read),
    "affectnet": Source(
        "AffectNet: 8 emotions, 291,650 or 420,299 faces", _RESEARCH + ", by agreement", affectnet.read
    ),
    "folders": Source("any pictures in a folder an emotion", "its own", folders.read_pictures),
}

VIDEOS: dict[str, Source[Video]] = {
    "cremad_video": Source("CREMA-D: 91 actors, 6 emotions, 7,442 videos", _CREMAD, cremad.read_videos),
    "ravdess_speech_video": Source("RAVDESS: 24 actors, 1,440 videos", _RAVDESS, ravdess.read_speech_videos),
    "ravdess_song_video": Source("RAVDESS: 23 actors, 1,012 videos", _RAVDESS, ravdess.read_song_videos),
    "savee_video": Source("SAVEE: 4 men, 7 emotions, 480 videos", _RESEARCH, savee.read_videos),
}

NOISES: dict[str, About] = {
    "esc10": About("ESC-10: 400 household sounds of 10 kinds", "CC BY 3.0"),
    "esc50": About("ESC-50: 2,000 sounds of 50 kinds", "CC BY-NC 3.0"),
}


def clips(name: str, folder: Path, cache: Path | None = None, *, every: bool = False, part: bool = False) -> list[Clip]:
    """The clips of a corpus of SOUNDS in `folder`, decoded once into `cache`; raises MediaError."""
    return read_corpus(folder, _known(name, PUBLISHED), cache, every=every, part=part)


def pictures(name: str, folder: Path, *, every: bool = False, part: bool = False) -> list[Picture]:
    """The faces of a corpus of PICTURES in `folder`; raises MediaError."""
    return _seven(PICTURES[_known(name, PICTURES)].read(folder, part=part), every=every)


def videos(name: str, folder: Path, *, every: bool = False, part: bool = False) -> list[Video]:
    """The videos of a corpus of VIDEOS in `folder`; raises MediaError."""
    return _seven(VIDEOS[_known(name, VIDEOS)].read(folder, part=part), every=every)


def noises(
    name: str, folder: Path, cache: Path | None = None, *, part: bool = False
) -> tuple[list[Samples], list[str]]:
    """(sounds, kinds) of `esc10` or `esc50` in `folder`, without what is a voice; raises MediaError."""
    _known(name, NOISES)
    return read_noises(folder, cache, corpus="esc10" if name == "esc10" else "esc50", part=part)


def _seven(records: Sequence[R], *, every: bool) -> list[R]:
    return [record for record in records if every or record.emotion != NONE]


def _known(name: str, names: Iterable[str]) -> str:
    if name not in names:
        raise MediaError(f"no corpus {name!r}; there are {', '.join(names)}")
    return name

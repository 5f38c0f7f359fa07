"""Every corpus that Mien reads. A new one is a file below this folder with a tuple `CORPORA`, and its name in _FILES.

    read_corpus(Path("data/emodb"), "emodb")       voices, decoded (in `clips`)
    pictures("rafdb", Path("data/rafdb"))          faces, decoded on use
    videos("cremad_video", Path("data/cremad"))    both, decoded on use

By default only the seven emotions are returned. `every` also returns the others, with emotion `labels.NONE` and the
corpus's own label, for running the corpus's own benchmark. `part` accepts an incomplete copy, for a quick check.
"""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from convert.datasets.labels import NONE
from convert.datasets.records import Corpus, NoiseCorpus, Picture, PictureCorpus, SpeechCorpus, Video, VideoCorpus
from device.errors import MediaError

C = TypeVar("C", bound=Corpus)

_FILES = (
    "speech.ravdess",
    "speech.tess",
    "speech.savee",
    "speech.cremad",
    "speech.emodb",
    "speech.nemo",
    "speech.ased",
    "pictures.fer2013",
    "pictures.ckplus",
    "pictures.jaffe",
    "pictures.rafdb",
    "pictures.affectnet",
    "folders",
    "noise.esc10",
)
_ALL: list[Corpus] = [corpus for file in _FILES for corpus in import_module(f"convert.datasets.{file}").CORPORA]


def _by_name(kind: type[C]) -> dict[str, C]:
    return {corpus.name: corpus for corpus in _ALL if isinstance(corpus, kind)}


SPEECH = _by_name(SpeechCorpus)
PICTURES = _by_name(PictureCorpus)
VIDEOS = _by_name(VideoCorpus)
NOISES = _by_name(NoiseCorpus)


def pictures(name: str, folder: Path, *, every: bool = False, part: bool = False) -> list[Picture]:
    """The faces of one of PICTURES in `folder`; raises MediaError."""
    return [p for p in find_corpus(PICTURES, name).read(folder, part=part) if every or p.emotion != NONE]


def videos(name: str, folder: Path, *, every: bool = False, part: bool = False) -> list[Video]:
    """The videos of one of VIDEOS in `folder`; raises MediaError."""
    return [v for v in find_corpus(VIDEOS, name).read(folder, part=part) if every or v.emotion != NONE]


def find_corpus(corpora: Mapping[str, C], name: str) -> C:
    """The corpus called `name`; raises MediaError with the known names when there is none."""
    if name not in corpora:
        raise MediaError(f"no corpus {name!r}; there are {', '.join(corpora)}")
    return corpora[name]

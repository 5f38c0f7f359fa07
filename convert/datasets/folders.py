"""Any data set with one folder per emotion, with or without train, val and test folders above.

Reads `happy/1.png`, `train/0_Anger/a.jpg` and `test/joy/b.wav`. Such sets do not identify the people in them.
"""

from dataclasses import dataclass
from pathlib import Path

from convert.datasets import require_path
from convert.datasets.labels import own_label
from convert.datasets.layout import PICTURE_SUFFIXES, SOUND_SUFFIXES, find_media
from convert.datasets.records import Picture, PictureCorpus, Sound, SpeechCorpus
from device.errors import MediaError

_SPLITS = {
    "training": "train training",
    "validation": "val valid validation publictest public_test",
    "test": "test testing privatetest private_test",
}
_SPLIT_BY_FOLDER = {word: split for split, words in _SPLITS.items() for word in words.split()}


@dataclass(frozen=True)
class LabelledFile:
    """A file, with the label and split of its folders."""

    path: Path
    name: str
    """Its path in the set, without suffix."""
    own: str
    split: str


def find_labelled(folder: Path, suffixes: frozenset[str], title: str) -> list[LabelledFile]:
    """Every file below `folder`, sorted by name, with the emotion of its own folder.

    Raises MediaError, naming the folder, when that is not an emotion; an empty list is not an error.
    """
    result = []
    for path in find_media(require_path(folder, title), suffixes):
        place = path.relative_to(folder)
        words = [word.lower() for word in place.parts[:-2]]
        split = next((_SPLIT_BY_FOLDER[word] for word in words if word in _SPLIT_BY_FOLDER), "")
        name, own = place.with_suffix("").as_posix(), own_label(path.parent.name, path.parent)
        result.append(LabelledFile(path, name, own, split))
    return result


def read_pictures(folder: Path, *, part: bool = False) -> list[Picture]:  # noqa: ARG001 - the full size is unknown
    """Every picture; raises MediaError when there is none, or when a folder is not named after an emotion."""
    found = _find_some(folder, PICTURE_SUFFIXES, "pictures")
    return [Picture(name=p.name, corpus="folders", path=p.path, own=p.own, split=p.split) for p in found]


def read_sounds(folder: Path, *, part: bool = False) -> list[Sound]:  # noqa: ARG001 - the full size is unknown
    """Every sound; raises MediaError as `read_pictures`."""
    found = _find_some(folder, SOUND_SUFFIXES, "sounds")
    return [Sound(name=p.name, corpus="folders", path=p.path, own=p.own, split=p.split) for p in found]


def _find_some(folder: Path, suffixes: frozenset[str], what: str) -> list[LabelledFile]:
    found = find_labelled(folder, suffixes, what)
    if not found:
        raise MediaError(f"{folder}: contains no {what}; it needs one folder per emotion, such as {folder / 'happy'}")
    return found


CORPORA = (
    SpeechCorpus("folders", "any sounds in one folder per emotion", "its own", read_sounds),
    PictureCorpus("folders", "any pictures in one folder per emotion", "its own", read_pictures),
)

"""CK+ (Lucey et al. 2010): 327 labelled sequences of 118 people, from neutral to an emotion, contempt among them.

Three forms are in use:

- As published: cohn-kanade-images/S005/001/S005_001_00000011.png beside Emotion/S005/001/S005_001_00000011_emotion.txt,
  which labels the last frame. By custom the last three frames show the emotion and the first one is neutral.
- CK+48 has those last three frames, cropped, in one folder per emotion, without neutral.
- ckextended.csv is a table of 48×48 pixels: one row per labelled sequence, and 593 of neutral. It does not name the
  people, so its own split may have one person on both sides.
"""

from pathlib import Path

from convert.datasets import require_path
from convert.datasets.csv_tables import SPLITS, read_pixel_table
from convert.datasets.folders import find_labelled
from convert.datasets.layout import PICTURE_SUFFIXES, Layout, find_inside
from convert.datasets.records import Picture, PictureCorpus
from device.errors import MediaError

_IMAGES, _TABLE = "cohn-kanade-images", "ckextended.csv"
_SEQUENCES = Layout(
    "ckplus", "CK+", f"Emotion/S005/001/*_emotion.txt with {_IMAGES}/S005/001/*.png", 327, what="labelled sequences"
)
_ROWS = Layout("ckplus", "CK+ (csv)", _TABLE, 920, what="rows")
_CROPS = Layout("ckplus", "CK+48", "anger/S010_004_00000017.png", 981, what="pictures")
_CODES = ("neutral", "angry", "contempt", "disgust", "fear", "happy", "sad", "surprise")
_TABLE_CODES = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral", "contempt")
_EMOTION_FRAMES = 3


def read(folder: Path, *, part: bool = False) -> list[Picture]:
    """The pictures of the form in `folder`; raises MediaError when some are missing, unless `part` allows that."""
    images = find_inside(require_path(folder, "CK+"), _IMAGES)
    if images != folder:
        return _read_sequences(images, folder, part=part)
    table = find_inside(folder, _TABLE)
    if table != folder:
        return _read_table(table, part=part)
    return _read_crops(folder, part=part)


def _read_sequences(images: Path, folder: Path, *, part: bool) -> list[Picture]:
    result: list[Picture] = []
    complete = 0
    for label in sorted(folder.rglob("*_emotion.txt")):
        emotion, person = _read_label(label), label.parts[-3]
        frames = sorted((images / person / label.parts[-2]).glob("*.png"))
        # The label is named after the last frame; without that frame the sequence is incomplete.
        if not frames or frames[-1].stem != label.stem.removesuffix("_emotion"):
            continue
        complete += 1
        labelled = [(frames[0], "neutral"), *((frame, emotion) for frame in frames[1:][-_EMOTION_FRAMES:])]
        result += [Picture(name=p.stem, corpus="ckplus", path=p, own=own, person=person) for p, own in labelled]
    _SEQUENCES.require_complete(complete, folder, part=part)
    return result


def _read_label(path: Path) -> str:
    """Written as "   3.0000000e+00"."""
    try:
        return dict(enumerate(_CODES))[int(float(path.read_text()))]
    except (ValueError, KeyError) as error:
        raise MediaError(f"{path}: contains no number from 0 to 7; copy it again") from error


def _read_table(path: Path, *, part: bool) -> list[Picture]:
    table = read_pixel_table(path, len(_TABLE_CODES))
    _ROWS.require_complete(len(table.labels), path.parent, part=part)
    return [
        Picture(name=f"{i:03d}", corpus="ckplus", path=path, own=_TABLE_CODES[label], split=SPLITS[usage], tile=pixels)
        for i, (pixels, label, usage) in enumerate(zip(table.pictures, table.labels, table.usage, strict=True))
    ]


def _read_crops(folder: Path, *, part: bool) -> list[Picture]:
    found = find_labelled(folder, PICTURE_SUFFIXES, "CK+48")
    _CROPS.require_complete(len(found), folder, part=part)
    result = []
    for crop in found:
        person = crop.path.stem.split("_")[0]
        if len(person) != 4 or not person.startswith("S"):
            raise _CROPS.reject(crop.path)
        result.append(Picture(name=crop.path.stem, corpus="ckplus", path=crop.path, own=crop.own, person=person))
    return result


CORPORA = (PictureCorpus("ckplus", "CK+: 118 people, 8 emotions, 327 sequences", "research only, by agreement", read),)

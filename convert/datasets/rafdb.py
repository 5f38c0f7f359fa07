"""RAF-DB, its basic set (Li, Deng and Du 2017): 15,339 faces from the internet in seven emotions.

Published as Image/aligned/train_00001_aligned.jpg with EmoLabel/list_patition_label.txt (so spelled), whose lines are
"train_00001.jpg 5"; the official split is in the names. Annotation/manual/train_00001_manu_attri.txt tells the sex.
"""

from pathlib import Path

from convert.datasets import require_path
from convert.datasets.corpus import PictureCorpus
from convert.datasets.layout import Layout, find_inside
from convert.datasets.records import Picture
from device.errors import MediaError

_LIST = "EmoLabel/list_patition_label.txt"
_LAYOUT = Layout("rafdb", "RAF-DB", "Image/aligned/train_00001_aligned.jpg", 15_339, what="pictures")
_CODES = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
"""1 to 7, as the set's own readme lists them."""
_SPLITS = {"train": "training", "test": "test"}
_SEX_LINE = 5
_SEX = {"0": "M", "1": "F"}
"""2 is unsure."""


def read(folder: Path, *, part: bool = False) -> list[Picture]:
    """The aligned faces of 100×100, or the pictures they were cut from where the copy has no others.

    Raises MediaError when the list is missing or damaged, or when not all are there, unless a `part` will do.
    """
    listed = find_inside(require_path(folder, "RAF-DB"), _LIST)
    if listed == folder:
        raise MediaError(f"RAF-DB: {folder / _LIST} is missing; put the dataset there or name its folder with --data")
    root = listed.parents[1]
    aligned = (root / "Image" / "aligned").exists()
    result = []
    for line, text in enumerate(listed.read_text().splitlines(), start=1):
        name, own = _row(text, f"{listed}, line {line}")
        path = root / "Image" / ("aligned" if aligned else "original") / f"{name}{'_aligned' if aligned else ''}.jpg"
        if path.exists():
            split = _SPLITS[name.split("_")[0]]
            result.append(Picture(name=name, corpus="rafdb", path=path, own=own, sex=_sex(root, name), split=split))
    _LAYOUT.whole(len(result), root, part=part)
    return result


def _row(text: str, where: str) -> tuple[str, str]:
    words = text.split()
    if len(words) != 2 or words[1] not in set("1234567") or words[0].split("_")[0] not in _SPLITS:
        raise MediaError(f'{where}: {text!r} is no label such as "train_00001.jpg 5"; copy the file again')
    return Path(words[0]).stem, _CODES[int(words[1]) - 1]


def _sex(root: Path, name: str) -> str:
    """By the line after the five eyes, nose and mouth corners."""
    attributes = root / "Annotation" / "manual" / f"{name}_manu_attri.txt"
    if not attributes.exists():
        return ""
    lines = attributes.read_text().split("\n")
    return _SEX.get(lines[_SEX_LINE].strip(), "") if len(lines) > _SEX_LINE else ""


CORPORA = (PictureCorpus("rafdb", "RAF-DB basic: 7 emotions, 15,339 faces", "research only, by agreement", read),)

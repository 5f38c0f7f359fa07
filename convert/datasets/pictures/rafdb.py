"""RAF-DB, basic set (Li, Deng and Du 2017): 15,339 faces from the internet in seven emotions.

Published as Image/aligned/train_00001_aligned.jpg with EmoLabel/list_patition_label.txt (sic), whose lines are
"train_00001.jpg 5"; the names contain the official split. Annotation/manual/train_00001_manu_attri.txt has the sex.
"""

from pathlib import Path

from convert.datasets import require_path
from convert.datasets.layout import Layout, find_inside
from convert.datasets.records import Picture, PictureCorpus
from device.errors import MediaError

_LIST = "EmoLabel/list_patition_label.txt"
_LAYOUT = Layout("rafdb", "RAF-DB", "Image/aligned/train_00001_aligned.jpg", 15_339, what="pictures")
_CODES = ("surprise", "fear", "disgust", "happy", "sad", "angry", "neutral")
"""Labels 1 to 7, in the order of the set's readme."""
_SPLITS = {"train": "training", "test": "test"}
_SEX_LINE = 5
_SEX = {"0": "M", "1": "F"}
"""2 is unsure."""


def read(folder: Path, *, part: bool = False) -> list[Picture]:
    """The aligned faces of 100×100, or the original pictures if the copy has no others.

    Raises MediaError when the list is missing or damaged, or when pictures are missing, unless `part` allows that.
    """
    list_path = find_inside(require_path(folder, "RAF-DB"), _LIST)
    if list_path == folder:
        raise MediaError(f"RAF-DB: {folder / _LIST} is missing; put the dataset there or name its folder with --data")
    root = list_path.parents[1]
    aligned = (root / "Image" / "aligned").exists()
    result = []
    for line, text in enumerate(list_path.read_text().splitlines(), start=1):
        name, own = _parse_row(text, f"{list_path}, line {line}")
        path = root / "Image" / ("aligned" if aligned else "original") / f"{name}{'_aligned' if aligned else ''}.jpg"
        if path.exists():
            split, sex = _SPLITS[name.split("_")[0]], _read_sex(root, name)
            result.append(Picture(name=name, corpus="rafdb", path=path, own=own, sex=sex, split=split))
    _LAYOUT.require_complete(len(result), root, part=part)
    return result


def _parse_row(text: str, where: str) -> tuple[str, str]:
    words = text.split()
    if len(words) != 2 or words[1] not in set("1234567") or words[0].split("_")[0] not in _SPLITS:
        raise MediaError(f'{where}: {text!r} is not a label such as "train_00001.jpg 5"; copy the file again')
    return Path(words[0]).stem, _CODES[int(words[1]) - 1]


def _read_sex(root: Path, name: str) -> str:
    """From the line after the five landmarks: eyes, nose and mouth corners."""
    attributes = root / "Annotation" / "manual" / f"{name}_manu_attri.txt"
    if not attributes.exists():
        return ""
    lines = attributes.read_text().split("\n")
    return _SEX.get(lines[_SEX_LINE].strip(), "") if len(lines) > _SEX_LINE else ""


CORPORA = (PictureCorpus("rafdb", "RAF-DB basic: 7 emotions, 15,339 faces", "research only, by agreement", read),)

"""AffectNet (Mollahosseini et al. 2017): faces from the internet, labelled by hand; contempt is an eighth emotion.

It was published in two forms. The first has training.csv and validation.csv with subDirectory_filePath ("689/abc.jpg"),
the face's box and the expression; the pictures are in Manually_Annotated_Images. The later one has train_set and
val_set, each with images/0.jpg and annotations/0_exp.npy, and eight expressions only.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from convert.datasets import require_path
from convert.datasets.csv_tables import read_cells
from convert.datasets.layout import Layout, find_inside
from convert.datasets.records import Picture, PictureCorpus
from device.errors import MediaError

_ALL = Layout("affectnet", "AffectNet", "training.csv with Manually_Annotated_Images/", 420_299, what="pictures")
_EIGHT = Layout("affectnet", "AffectNet", "train_set/images/0.jpg", 291_650, what="pictures")
_CODES = (
    "neutral",
    "happy",
    "sad",
    "surprise",
    "fear",
    "disgust",
    "angry",
    "contempt",
    "none",
    "uncertain",
    "no-face",
)
_COLUMNS = ("subDirectory_filePath", "face_x", "face_y", "face_width", "face_height", "facial_landmarks", "expression")
_TABLES = {"training.csv": "training", "validation.csv": "validation"}
_SETS = {"train_set": "training", "val_set": "validation"}


def read(folder: Path, *, part: bool = False) -> list[Picture]:
    """The pictures of the form in `folder`, with the official split.

    Rows whose picture is missing are skipped. Raises MediaError when a table or annotation is missing or damaged, or
    when pictures are missing, unless `part` allows that.
    """
    root = find_inside(require_path(folder, "AffectNet"), *_SETS)
    if root != folder:
        found = [picture for name, split in _SETS.items() for picture in _read_set(root.parent / name, split)]
        _EIGHT.require_complete(len(found), folder, part=part)
        return found
    found = []
    for name, split in _TABLES.items():
        table = find_inside(folder, name)
        if table == folder:
            raise MediaError(f"AffectNet: neither {name} nor train_set is in {folder}; copy it there")
        found += _read_rows(table, find_inside(folder, "Manually_Annotated_Images"), split)
    _ALL.require_complete(len(found), folder, part=part)
    return found


def _read_rows(table: Path, images: Path, split: str) -> Iterator[Picture]:
    for number, row in read_cells(table):
        # One of the two tables was published without a header.
        if row[:1] == list(_COLUMNS[:1]):
            continue
        where = f"{table}, line {number}"
        if len(row) < len(_COLUMNS):
            raise MediaError(f"{where}: the row is cut off; copy the file again")
        cells = dict(zip(_COLUMNS, row, strict=False))
        name = cells["subDirectory_filePath"]
        if (images / name).exists():
            own, box = _parse_label(cells["expression"], where), _parse_box(row[1:5])
            yield Picture(name=name, corpus="affectnet", path=images / name, own=own, split=split, box=box)


def _read_set(folder: Path, split: str) -> Iterator[Picture]:
    for path in sorted((require_path(folder, "AffectNet") / "images").glob("*.jpg")):
        annotation = folder / "annotations" / f"{path.stem}_exp.npy"
        if annotation.exists():
            name, own = f"{folder.name}/{path.stem}", _read_annotation(annotation)
            yield Picture(name=name, corpus="affectnet", path=path, own=own, split=split)


def _read_annotation(path: Path) -> str:
    try:
        return _parse_label(str(np.load(path).item()), str(path))
    except (ValueError, EOFError) as error:
        raise MediaError(f"{path}: cannot be read as a number; copy it again") from error


def _parse_label(code: str, where: str) -> str:
    number = code.strip().removesuffix(".0")
    if not number.isdecimal() or int(number) >= len(_CODES):
        raise MediaError(f"{where}: expression {code!r}; AffectNet has 0 to {len(_CODES) - 1}")
    return _CODES[int(number)]


def _parse_box(cells: list[str]) -> tuple[int, int, int, int] | None:
    """None when no face was found (the cells are empty, NaN or -1) or when a cell is infinite."""
    try:
        left, top, width, height = (int(float(cell)) for cell in cells)
    except (ValueError, OverflowError):
        return None
    return (left, top, width, height) if width > 0 and height > 0 else None


CORPORA = (
    PictureCorpus("affectnet", "AffectNet: 8 emotions, 291,650 or 420,299 faces", "research only, by agreement", read),
)

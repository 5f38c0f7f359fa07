"""Reads every format in which FER2013 circulates into the same rows.

- faces.png and labels.npz: one sheet of all faces, with labels, FER+ votes and groups of copies (shared/data).
- fer2013.csv or icml_face_data.csv as published on Kaggle, with or without FER+'s fer2013new.csv beside it.
- fer2013.npz: `pictures` (n, 48, 48) or (n, 2304), `labels` (n,) 0..6, `usage` (n,) as numbers 0..2 or names, and,
  with FER+'s votes, `counts` (n, 10).
- One folder per emotion below train/ and test/. Their makers merged PublicTest and PrivateTest into test/, so it is not
  the published test; validation is then taken out of train/. Folders Training/, PublicTest/ and PrivateTest/ keep the
  published parts.
"""

import hashlib
import zipfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets import require_path
from convert.datasets.csv_tables import SIDE, SPLITS, USAGES, read_pixel_table, read_table
from convert.datasets.folders import find_labelled
from convert.datasets.labels import NONE, label_index
from convert.datasets.layout import PICTURE_SUFFIXES, Layout
from convert.datasets.records import read_gray
from device.emotions import EMOTIONS, Floats
from device.errors import MediaError

COUNT = 35_887
TRAINING, PUBLIC_TEST, PRIVATE_TEST = 0, 1, 2
FERPLUS_COLUMNS = (
    "neutral",
    "happiness",
    "surprise",
    "sadness",
    "anger",
    "disgust",
    "fear",
    "contempt",
    "unknown",
    "NF",
)

_LAYOUT = Layout("fer2013", "FER2013", "fer2013.csv or train/happy/1.jpg", COUNT, PICTURE_SUFFIXES, "faces")
_TABLES = ("fer2013.csv", "icml_face_data.csv")
_VOTES = "fer2013new.csv"
_VALIDATION_SHARE = 1 / 8
"""Share of a train/ folder: the size of PublicTest."""
_SEED = b"mien"


@dataclass(frozen=True)
class Rows:
    """Every face: pictures (n, 48, 48) uint8, labels (n,) int64 in Mien's order, usage (n,) uint8, group (n,) int.

    Pictures that are identical pixel for pixel form a group.
    """

    names: list[str]
    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    usage: npt.NDArray[np.uint8]
    counts: Floats
    """(n, 10) in FERPLUS_COLUMNS' order; zeros without FER+."""
    group: npt.NDArray[np.int64]


def read_rows(folder: Path, *, part: bool = False) -> Rows:
    """Read the form in `folder`; raises MediaError when it is incomplete, unless `part` allows that."""
    table = next((folder / name for name in _TABLES if (folder / name).exists()), None)
    if (folder / "faces.png").exists():
        return _read_sheet(folder)
    if table is not None:
        return _read_table(table, part=part)
    if (folder / "fer2013.npz").exists():
        return _read_arrays(folder / "fer2013.npz", part=part)
    if folder.is_dir() and any(child.is_dir() for child in folder.iterdir()):
        return _read_folders(folder, part=part)
    raise MediaError(
        f"FER2013: {folder / 'faces.png'} is missing, and neither {', '.join(_TABLES)}, fer2013.npz nor a folder train "
        "is there; put the dataset there or name its folder with --data"
    )


def _read_sheet(folder: Path) -> Rows:
    sheet = cv2.imread(str(folder / "faces.png"), cv2.IMREAD_GRAYSCALE)
    shapes = {"fer2013_label": (COUNT,), "usage": (COUNT,), "ferplus_votes": (COUNT, 10), "dup_group": (COUNT,)}
    labels = _load_arrays(require_path(folder / "labels.npz", "FER2013"), shapes)
    fits = all(labels[name].shape == shape and _is_numeric(labels[name]) for name, shape in shapes.items())
    if sheet is None or sheet.shape != (13_488, 6_144) or not fits:
        raise MediaError(f"FER2013: {folder} is not the complete set of {COUNT} faces; copy it again")
    tiles = sheet.reshape(281, SIDE, 128, SIDE).swapaxes(1, 2)
    pictures = np.ascontiguousarray(tiles.reshape(-1, SIDE, SIDE)[:COUNT], np.uint8)
    own, group = (labels[name].astype(np.int64) for name in ("fer2013_label", "dup_group"))
    return Rows(_make_names(COUNT), pictures, own, labels["usage"], labels["ferplus_votes"].astype(np.float32), group)


def _read_table(path: Path, *, part: bool) -> Rows:
    table = read_pixel_table(path, len(EMOTIONS))
    _LAYOUT.require_complete(len(table.labels), path.parent, part=part)
    votes = path.with_name(_VOTES)
    counts = _read_votes(votes, path, table.usage) if votes.exists() else _make_empty_votes(len(table.labels))
    return _make_rows(table.pictures, table.labels, table.usage, counts)


def _read_votes(path: Path, table: Path, usage: npt.NDArray[np.uint8]) -> Floats:
    """Read FER+'s table. Its rows match FER2013's, and it repeats each row's usage, which shows a wrong order."""
    rows = read_table(path, ("Usage", *FERPLUS_COLUMNS))
    if len(rows) != len(usage):
        raise MediaError(f"{path}: {len(rows)} rows, {table.name} has {len(usage)}; both must be whole, as published")
    for number, (row, used) in enumerate(zip(rows, usage, strict=True), start=2):
        if row["Usage"] != USAGES[used]:
            raise MediaError(
                f"{path}, line {number}: {row['Usage']}, {table.name} has {USAGES[used]}; "
                "both must be in the published order"
            )
    try:
        counts = [[float(row[column]) for column in FERPLUS_COLUMNS] for row in rows]
    except ValueError as error:
        raise MediaError(f"{path}: a vote count is not a number ({error}); copy it again") from error
    return np.array(counts, np.float32)


def _load_arrays(path: Path, needed: Iterable[str]) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a .npz; raises MediaError when it is damaged or lacks one that is `needed`."""
    try:
        with np.load(path) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise MediaError(f"{path}: cannot be read as npz ({error}); copy it again") from error
    missing = [name for name in needed if name not in arrays]
    if missing:
        raise MediaError(f"{path}: lacks {' or '.join(missing)}; {', '.join(needed)} are needed")
    return arrays


def _is_numeric(values: npt.NDArray[Any]) -> bool:
    return values.dtype.kind in "iuf"


def _read_arrays(path: Path, *, part: bool) -> Rows:
    stored = _load_arrays(path, ("pictures", "labels", "usage"))
    pictures, labels, usage = stored["pictures"], stored["labels"], stored["usage"]
    count = len(np.atleast_1d(labels))
    counts = stored.get("counts", _make_empty_votes(count))
    if usage.dtype.kind in "US" and usage.ndim == 1:
        usage = np.array([USAGES.index(name) if name in USAGES else -1 for name in usage.astype(str)])
    fits = labels.shape == usage.shape == (count,) and counts.shape == (count, len(FERPLUS_COLUMNS))
    fits = fits and pictures.dtype == np.uint8 and pictures.size == count * SIDE * SIDE
    fits = fits and _is_numeric(labels) and _is_numeric(usage) and _is_numeric(counts)
    if not fits or not np.isin(usage, range(3)).all() or not np.isin(labels, range(len(EMOTIONS))).all():
        raise MediaError(
            f"{path}: pictures must be (n, 48, 48) uint8, labels (n,) 0 to 6, usage (n,) 0 to 2 or "
            f"{', '.join(USAGES)}, counts (n, 10) numbers"
        )
    _LAYOUT.require_complete(count, path.parent, part=part)
    pictures, labels = pictures.reshape(-1, SIDE, SIDE), labels.astype(np.int64)
    return _make_rows(pictures, labels, usage.astype(np.uint8), counts.astype(np.float32))


def _read_folders(folder: Path, *, part: bool) -> Rows:
    found = sorted(
        find_labelled(folder, PICTURE_SUFFIXES, "FER2013"), key=lambda p: (SPLITS.index(p.split or "test"), p.path.stem)
    )
    _LAYOUT.require_complete(len(found), folder, part=part)
    for file in found:
        if not file.split or label_index(file.own) == NONE:
            raise MediaError(f"{file.path}: not below train or test and one of the seven emotions, as FER2013's are")
    pictures = np.array([_read_face(file.path) for file in found])
    usage = np.array([SPLITS.index(file.split) for file in found], np.uint8)
    if PUBLIC_TEST not in usage:
        usage[(usage == TRAINING) & _select_validation(pictures)] = PUBLIC_TEST
    labels = np.array([label_index(file.own) for file in found], np.int64)
    return _make_rows(pictures, labels, usage, _make_empty_votes(len(found)), [file.name for file in found])


def _read_face(path: Path) -> npt.NDArray[np.uint8]:
    pixels = read_gray(path)
    if pixels.shape != (SIDE, SIDE):
        raise MediaError(f"{path}: {pixels.shape[1]}×{pixels.shape[0]}; FER2013's faces are 48×48")
    return pixels


def _select_validation(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """(n,): chosen by the pixels only, so the choice never changes and copies stay together."""
    digests = [hashlib.blake2b(picture.tobytes(), digest_size=6, key=_SEED).digest() for picture in pictures]
    return np.array([int.from_bytes(digest, "big") / 2**48 < _VALIDATION_SHARE for digest in digests])


def group_copies(pictures: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """(n,): for every picture, the first row with the same pixels."""
    first: dict[bytes, int] = {}
    return np.array(
        [first.setdefault(hashlib.blake2b(p.tobytes(), digest_size=16).digest(), i) for i, p in enumerate(pictures)],
        np.int64,
    )


def _make_rows(
    pictures: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.int64],
    usage: npt.NDArray[np.uint8],
    counts: Floats,
    names: list[str] | None = None,
) -> Rows:
    return Rows(names or _make_names(len(labels)), pictures, labels, usage, counts, group_copies(pictures))


def _make_names(count: int) -> list[str]:
    """FER+'s names of the rows."""
    return [f"fer{row:07d}" for row in range(count)]


def _make_empty_votes(count: int) -> Floats:
    return np.zeros((count, len(FERPLUS_COLUMNS)), np.float32)

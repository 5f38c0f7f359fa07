"""CSV tables. Errors name the line: truncated rows, wrong encoding, missing columns."""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from device.errors import MediaError


def read_cells(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line number, cells) of each row of a UTF-8 .csv; raises MediaError when it is damaged."""
    with path.open(newline="", encoding="utf-8-sig") as lines:
        rows = csv.reader(lines, strict=True)
        try:
            for row in rows:
                yield rows.line_num, row
        except (csv.Error, UnicodeDecodeError) as error:
            raise MediaError(
                f"{path}, line {rows.line_num + 1}: cannot be read as a table ({error}); copy the file again"
            ) from error


def read_table(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    """Every row as a dict by column; raises MediaError when a `needed` column or the end of a row is missing."""
    lines = read_cells(path)
    columns = next(lines, (0, []))[1]
    missing = [name for name in needed if name not in columns]
    if missing:
        raise MediaError(f"{path}: no column {' or '.join(missing)}; copy the file again")
    rows = []
    for number, cells in lines:
        if not cells:
            continue
        if len(cells) < len(columns):
            raise MediaError(f"{path}, line {number}: the row is cut off; copy the file again")
        rows.append(dict(zip(columns, cells, strict=False)))
    return rows


SIDE = 48
USAGES = ("Training", "PublicTest", "PrivateTest")
SPLITS = ("training", "validation", "test")
"""The split of each usage."""


@dataclass(frozen=True)
class PixelTable:
    """pictures (n, 48, 48) uint8, labels (n,) int64 in the table's own order, usage (n,) uint8, an index of USAGES."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    usage: npt.NDArray[np.uint8]


def read_pixel_table(path: Path, classes: int) -> PixelTable:
    """Read the table, with labels below `classes`. Columns may have any order, and spaces before their names.

    Raises MediaError, naming the file and line, for a row that is truncated or invalid.
    """
    pictures, labels, usage = [], [], []
    rows = read_cells(path)
    columns = [name.strip().lower() for name in next(rows, (0, list[str]()))[1]]
    missing = {"emotion", "pixels", "usage"} - set(columns)
    if missing:
        raise MediaError(f"{path}: no column {' or '.join(sorted(missing))}; is it the published table?")
    emotion_at, pixels_at, usage_at = (columns.index(name) for name in ("emotion", "pixels", "usage"))
    for number, row in rows:
        try:
            # int64, so that a number too large for a pixel does not wrap around to a valid one.
            pixels = np.fromstring(row[pixels_at], np.int64, sep=" ")
            labels.append(range(classes).index(int(row[emotion_at])))
            usage.append(USAGES.index(row[usage_at].strip()))
        except (IndexError, ValueError) as error:
            raise MediaError(f"{path}, line {number}: the row is cut off or damaged; copy the file again") from error
        if pixels.size != SIDE * SIDE or pixels.min() < 0 or pixels.max() > 255:
            raise MediaError(
                f"{path}, line {number}: {pixels.size} of {SIDE * SIDE} pixels, each 0 to 255; copy the file again"
            )
        pictures.append(pixels.astype(np.uint8).reshape(SIDE, SIDE))
    stacked = np.array(pictures, np.uint8).reshape(-1, SIDE, SIDE)
    return PixelTable(stacked, np.array(labels, np.int64), np.array(usage, np.uint8))

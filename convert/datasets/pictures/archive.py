"""Reads a zip of small gray pictures and its csv, one row per picture: the format of webfaces and people."""

import zipfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets import require_path
from convert.datasets.csv_tables import read_table
from device.errors import MediaError

Pictures = npt.NDArray[np.uint8]


def read_archive(
    folder: Path, name: str, columns: tuple[str, ...], side: int, *, part: bool = False
) -> tuple[list[dict[str, str]], Pictures]:
    """(rows of `folder`/`name`.csv, pictures (n, side, side) uint8 gray), in the order of the csv.

    The csv must have a column `name` and all `columns`; the zip holds NAME.webp for each row. Raises MediaError,
    naming the file, when one is missing, damaged or the wrong size. With `part`, rows without a picture are skipped.
    """
    table, archive = require_path(folder / f"{name}.csv", name), require_path(folder / f"{name}.zip", name)
    rows = read_table(table, ("name", *columns))
    try:
        with zipfile.ZipFile(archive) as members:
            present = set(members.namelist())
            missing = [row["name"] for row in rows if f"{row['name']}.webp" not in present]
            if missing and not part:
                raise MediaError(f"{archive}: {len(missing)} of {len(rows)} pictures are missing; copy it again")
            rows = [row for row in rows if f"{row['name']}.webp" in present]
            if not rows:
                raise MediaError(f"{archive}: none of the pictures that {table} lists; copy both again")
            pictures = [_decode(members.read(f"{row['name']}.webp"), f"{archive}, {row['name']}", side) for row in rows]
    except (zipfile.BadZipFile, OSError) as error:
        raise MediaError(f"{archive}: cannot be read as a zip ({error}); copy it again") from error
    return rows, np.stack(pictures)


def _decode(content: bytes, where: str, side: int) -> Pictures:
    picture = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE) if content else None
    if picture is None:
        raise MediaError(f"{where}: cannot be decoded; copy the file again")
    if picture.shape != (side, side):
        raise MediaError(f"{where}: {picture.shape[1]}×{picture.shape[0]} px instead of {side}×{side}")
    return picture.astype(np.uint8, copy=False)

"""People: 9,672 faces, 64×64 gray, with UTKFace's labels of age, sex and ethnicity, but no emotion.

Used to measure fairness: how often each group is classified as angry or sad. Nothing trains on these labels.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.pictures.archive import read_archive
from device.errors import MediaError

SIDE_PX = 64
_COUNT = 9_672
_AGES = ((10, "0–9"), (20, "10–19"), (35, "20–34"), (50, "35–49"), (65, "50–64"))
_OLDEST = "65 and over"


@dataclass(frozen=True)
class People:
    """pictures (n, 64, 64) uint8 gray; ages (n,) in years; sexes (n,) "F" or "M"; ethnicities (n,)."""

    pictures: npt.NDArray[np.uint8]
    ages: npt.NDArray[np.int64]
    sexes: npt.NDArray[np.str_]
    ethnicities: npt.NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.ages)

    @property
    def age_bands(self) -> npt.NDArray[np.str_]:
        """(n,): one of six, from "0–9" to "65 and over"."""
        return np.array([next((name for below, name in _AGES if age < below), _OLDEST) for age in self.ages])


def read_people(folder: Path, *, part: bool = False) -> People:
    """The set in `folder`; raises MediaError when a file is missing, damaged or, unless `part`, incomplete."""
    rows, pictures = read_archive(folder, "people", ("age", "sex", "ethnicity"), SIDE_PX, part=part)
    table = folder / "people.csv"
    if len(rows) < _COUNT and not part:
        raise MediaError(f"{table}: {len(rows)} of {_COUNT} pictures; copy it again, or allow a part of it")
    for row in rows:
        if not row["age"].isdecimal() or row["sex"].lower() not in ("f", "m") or not row["ethnicity"]:
            raise MediaError(f"{table}, {row['name']}: age {row['age']!r}, sex {row['sex']!r}; copy the file again")
    return People(
        pictures,
        np.array([int(row["age"]) for row in rows], np.int64),
        np.array([row["sex"].upper() for row in rows]),
        np.array([row["ethnicity"] for row in rows]),
    )

"""Webfaces: 30,405 portraits from the web, 64×64 gray, balanced over seven emotions, black outside the face.

Its labels are about as noisy as AffectNet's. Pictures that resemble a FER2013 test picture (correlation ≥ 0.88) have
been removed from the set. A few may remain, so results of a network trained on it are not "as published" on FER2013.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.labels import label_index, own_label
from convert.datasets.pictures.archive import read_archive
from convert.datasets.pictures.near_copies import group_near_copies
from convert.datasets.records import Picture
from device.errors import MediaError

SIDE_PX = 64
_COUNT = 30_405
_SPLITS = {"train": "training", "test": "test"}
_VALIDATION_EVERY = 11
"""Every 11th group of copies in the train split is validation: about as many pictures as in the test split."""


@dataclass(frozen=True)
class LabelledFaces:
    """pictures (n, 64, 64) uint8 gray, labels (n,) int64 in EMOTIONS' order."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)


class Webfaces:
    """The whole set, read once from `folder`."""

    def __init__(self, folder: Path, *, part: bool = False) -> None:
        """Raises MediaError when a file is missing or, unless `part`, the set is incomplete."""
        self._records = read(folder, part=part)
        self._pictures = np.stack([record.gray() for record in self._records])
        self._labels = np.array([record.emotion for record in self._records], np.int64)
        self._is_test = np.array([record.split == "test" for record in self._records])

    def _rows(self, mask: npt.NDArray[np.bool_]) -> LabelledFaces:
        return LabelledFaces(self._pictures[mask], self._labels[mask])

    @cached_property
    def _groups(self) -> npt.NDArray[np.int64]:
        return group_near_copies(self._pictures)

    @cached_property
    def _is_validation(self) -> npt.NDArray[np.bool_]:
        groups = np.unique(self._groups[~self._is_test])
        chosen = np.random.default_rng(0).permutation(groups)[::_VALIDATION_EVERY]
        return ~self._is_test & np.isin(self._groups, chosen)

    def training(self) -> LabelledFaces:
        """The train split without `validation`, and without copies of the test split."""
        copies = np.isin(self._groups, self._groups[self._is_test])
        return self._rows(~self._is_test & ~self._is_validation & ~copies)

    def validation(self) -> LabelledFaces:
        """About one in eleven of the train split. It shares no copies with `training` or with the test split."""
        copies = np.isin(self._groups, self._groups[self._is_test])
        return self._rows(self._is_validation & ~copies)

    def test(self) -> LabelledFaces:
        """The test split: 2,904 pictures."""
        return self._rows(self._is_test)


def read(folder: Path, *, part: bool = False) -> list[Picture]:
    """Every picture with its split; raises MediaError when the set is incomplete, unless `part` allows that."""
    rows, pictures = read_archive(folder, "webfaces", ("split", "emotion"), SIDE_PX, part=part)
    table = folder / "webfaces.csv"
    if len(rows) < _COUNT and not part:
        raise MediaError(f"{table}: {len(rows)} of {_COUNT} pictures; copy it again, or allow a part of it")
    found = []
    for row, picture in zip(rows, pictures, strict=True):
        own = own_label(row["emotion"], f"{table}, {row['name']}")
        if row["split"] not in _SPLITS or label_index(own) < 0:
            raise MediaError(f"{table}, {row['name']}: split {row['split']!r}, emotion {own!r}; copy the file again")
        found.append(
            Picture(
                name=row["name"], corpus="webfaces", path=folder, own=own, split=_SPLITS[row["split"]], tile=picture
            )
        )
    return found

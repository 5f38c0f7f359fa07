"""FER2013 (Goodfellow et al. 2013) with the FER+ votes (Barsoum et al. 2016): 35,887 gray faces of 48×48."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from convert.corpora import need
from device.emotions import Floats
from device.errors import MediaError

COUNT = 35_887
TRAINING, PUBLIC_TEST, PRIVATE_TEST = 0, 1, 2
_NOT_A_FACE = 9


@dataclass(frozen=True)
class Faces:
    """Rows of FER2013: pictures (n, 48, 48) uint8, labels (n,) 0..6 in Mien's order, votes (n, 8) summing to 1 or 0."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    votes: Floats

    def __len__(self) -> int:
        return len(self.labels)


class Fer2013:
    """The whole set, read once from `folder` (faces.png and labels.npz; shared/data/README.md tells the layout)."""

    def __init__(self, folder: Path) -> None:
        """Raises MediaError when a file is missing or not the complete set."""
        sheet = cv2.imread(str(need(folder / "faces.png", "FER2013")), cv2.IMREAD_GRAYSCALE)
        labels = np.load(need(folder / "labels.npz", "FER2013"))
        if sheet is None or sheet.shape != (13_488, 6_144) or len(labels["usage"]) != COUNT:
            raise MediaError(f"FER2013: {folder} is not the complete set of {COUNT} faces; copy it again")
        tiles = sheet.reshape(281, 48, 128, 48).swapaxes(1, 2)
        self._pictures = np.ascontiguousarray(tiles.reshape(-1, 48, 48)[:COUNT], np.uint8)
        self._labels = labels["fer2013_label"].astype(np.int64)
        counts = labels["ferplus_votes"].astype(np.float32)
        emotions = counts[:, :8]
        self._votes = emotions / np.maximum(emotions.sum(axis=1, keepdims=True), 1)
        self._usage = labels["usage"]
        self._group = labels["dup_group"]
        self._blank = counts.argmax(axis=1) == _NOT_A_FACE

    def _rows(self, mask: npt.NDArray[np.bool_]) -> Faces:
        return Faces(self._pictures[mask], self._labels[mask], self._votes[mask])

    def training(self) -> Faces:
        """Training without the pictures that also stand in a test split, and without what nobody took for a face."""
        tested = np.unique(self._group[self._usage != TRAINING])
        return self._rows((self._usage == TRAINING) & ~np.isin(self._group, tested) & ~self._blank)

    def validation(self) -> Faces:
        """PublicTest, whole: 3,589 rows."""
        return self._rows(self._usage == PUBLIC_TEST)

    def test(self, *, without_copies: bool = False) -> Faces:
        """PrivateTest: 3,589 rows as published, or the 3,301 that do not stand in Training pixel for pixel."""
        mask = self._usage == PRIVATE_TEST
        if without_copies:
            mask &= ~np.isin(self._group, np.unique(self._group[self._usage == TRAINING]))
        return self._rows(mask)

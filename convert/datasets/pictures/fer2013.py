"""FER2013 (Goodfellow et al. 2013) with the FER+ votes (Barsoum et al. 2016): 35,887 gray faces of 48×48."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.csv_tables import SPLITS
from convert.datasets.pictures.fer2013_formats import FERPLUS_COLUMNS, PRIVATE_TEST, PUBLIC_TEST, TRAINING, read_rows
from convert.datasets.records import Picture, PictureCorpus
from device.emotions import EMOTIONS, Floats

IN_FERPLUS = (4, 5, 6, 1, 3, 2, 0)
"""FER+'s index for each of EMOTIONS. FER+'s eighth emotion, contempt, has no counterpart."""
_NOT_A_FACE = FERPLUS_COLUMNS.index("NF")


@dataclass(frozen=True)
class Faces:
    """Rows of FER2013: pictures (n, 48, 48) uint8, labels (n,) 0..6 in Mien's order, vote counts (n, 10)."""

    pictures: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int64]
    counts: Floats
    """FER+'s eight emotions in its own order, then unknown and not-a-face."""

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def votes(self) -> Floats:
        """(n, 8): the shares of FER+'s emotions. They sum to 1, or to 0 when no two people agreed.

        A single vote is an outlier, as in FER+'s own code.
        """
        emotions = np.where(self.counts[:, :8] > 1, self.counts[:, :8], 0)
        return np.asarray(emotions / np.maximum(emotions.sum(axis=1, keepdims=True), 1), np.float32)

    def majority(self) -> npt.NDArray[np.int64]:
        """(n,): FER+'s label 0..7, or -1 when no emotion has more than half of the votes, as in FER+'s own code."""
        # A single vote is an outlier; unknown and not-a-face are not emotions.
        votes = np.where(self.counts > 1, self.counts, 0)
        best = votes.argmax(axis=1)
        clear = (votes.max(axis=1) > 0.5 * votes.sum(axis=1)) & (best < 8)
        return np.where(clear, best, -1)

    def majority_of_seven(self) -> npt.NDArray[np.int64]:
        """(n,): `majority` in the order of EMOTIONS, 0..6, or -1 when the majority is not one of the seven."""
        place = np.full(9, -1)
        place[list(IN_FERPLUS)] = np.arange(len(EMOTIONS))
        return np.asarray(place[self.majority()], np.int64)

    def first(self, rows: int) -> "Faces":
        """The first `rows` rows."""
        return Faces(self.pictures[:rows], self.labels[:rows], self.counts[:rows])


class Fer2013:
    """The whole set, read once from `folder` in any of its forms (see `fer2013_formats`)."""

    def __init__(self, folder: Path, *, part: bool = False) -> None:
        """Raises MediaError when a file is missing or the set is incomplete; `part` allows that, for a quick check."""
        self._all = rows = read_rows(folder, part=part)
        self._usage, self._group = rows.usage, rows.group
        voted_out = rows.counts.argmax(axis=1) == _NOT_A_FACE
        # Without FER+, only pictures of a single gray value are known to have no face.
        flat = (rows.counts.sum(axis=1) == 0) & (np.ptp(rows.pictures.reshape(len(rows.labels), -1), axis=1) == 0)
        self._blank = voted_out | flat

    def _rows(self, mask: npt.NDArray[np.bool_]) -> Faces:
        return Faces(self._all.pictures[mask], self._all.labels[mask], self._all.counts[mask])

    def training(self, *, as_published: bool = False) -> Faces:
        """Training, without pictures that also occur in a test split or that no voter took for a face.

        `as_published` returns all 28,709 rows, on which published results were trained. A copy in folders, without a
        PublicTest, has fewer, because `validation` takes an eighth of them.
        """
        if as_published:
            return self._rows(self._usage == TRAINING)
        tested = np.unique(self._group[self._usage != TRAINING])
        return self._rows((self._usage == TRAINING) & ~np.isin(self._group, tested) & ~self._blank)

    def validation(self) -> Faces:
        """All of PublicTest, 3,589 rows; or an eighth of train/ in a copy of folders without a PublicTest."""
        return self._rows(self._usage == PUBLIC_TEST)

    def test(self, *, without_copies: bool = False) -> Faces:
        """PrivateTest: 3,589 rows as published, or the 3,301 that do not occur in Training pixel for pixel.

        A copy in folders train/ and test/ has both published tests in one: 7,178 rows, not comparable with published
        results.
        """
        mask = self._usage == PRIVATE_TEST
        if without_copies:
            mask &= ~np.isin(self._group, np.unique(self._group[self._usage == TRAINING]))
        return self._rows(mask)


def read(folder: Path, *, part: bool = False) -> list[Picture]:
    """Every face with its split, copies and blanks included; raises MediaError as `Fer2013`."""
    rows = read_rows(folder, part=part)
    return [
        Picture(name=name, corpus="fer2013", path=folder, own=EMOTIONS[label].value, split=SPLITS[usage], tile=pixels)
        for name, pixels, label, usage in zip(rows.names, rows.pictures, rows.labels, rows.usage, strict=True)
    ]


CORPORA = (
    PictureCorpus("fer2013", "FER2013: 7 emotions, 35,887 faces of 48×48", "Kaggle ICML 2013, research only", read),
)

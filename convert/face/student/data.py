"""FER2013 with FER+'s votes and webfaces as one training set: pictures, face positions and targets."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from convert.datasets.pictures.fer2013 import Faces, Fer2013
from convert.datasets.pictures.webfaces import LabelledFaces, Webfaces
from convert.face.student.key_points import find_key_points
from convert.face.student.living_room import FacePictures
from convert.face.student.outlines import average_outline, find_black_outlines, fit_outlines
from convert.face.student.resize import resize_all
from convert.face.task import label_given_votes, sharpen
from device.emotions import EMOTIONS

EMOTION_COUNT, FERPLUS_COUNT = len(EMOTIONS), 8
TARGET_COLUMNS = EMOTION_COUNT + FERPLUS_COUNT + EMOTION_COUNT
"""FER2013's seven, FER+'s eight, webfaces' seven. A row has zeros in the columns of the other dataset."""
_OUTLINES = 3000


@dataclass(frozen=True)
class MixedFaces:
    """The training set, and the label distribution of both datasets."""

    faces: FacePictures
    targets: Tensor
    """(n, TARGET_COLUMNS) float32."""
    fer2013_prior: Tensor
    """(7,) float32: the class shares of FER2013's labels; `webfaces_prior` has those of webfaces."""
    webfaces_prior: Tensor

    def __len__(self) -> int:
        return len(self.targets)


@cache
def read_webfaces(folder: Path, *, part: bool = False) -> Webfaces:
    """The set in `folder`. Decoded and grouped by copies once per process (about 20 s); `part` allows missing files."""
    return Webfaces(folder, part=part)


def load_mixed_faces(
    data: Path,
    cache_folder: Path,
    *,
    side: int = 48,
    fer2013: str = "clean",
    webfaces: bool = True,
    hard: float = 0.5,
    sharp: float = 1.0,
    rows: int | None = None,
) -> MixedFaces:
    """Read both datasets from `data`; `cache_folder` is the folder that caches the key points.

    `fer2013` is "clean" (no copies of test pictures), "published" (all 28,709 training rows) or "none"; `rows`
    limits each dataset, for a quick check. `hard` and `sharp` shape FER2013's targets as `FacePlan` says.
    """
    part = rows is not None
    portraits = read_webfaces(data / "webfaces", part=part).training()
    portraits = LabelledFaces(portraits.pictures[:rows], portraits.labels[:rows])
    web_points = find_key_points(portraits.pictures, _key_points_path(cache_folder, "webfaces", rows))
    outlines = find_black_outlines(portraits.pictures)
    parts, targets = [], []
    own = Fer2013(data / "fer2013", part=part).training(as_published=fer2013 == "published").first(rows or 10**6)
    if fer2013 != "none":
        points = find_key_points(own.pictures, _key_points_path(cache_folder, f"fer2013-{fer2013}", rows))
        shape = average_outline(outlines[:_OUTLINES], web_points[:_OUTLINES])
        masks = fit_outlines(shape, points, 48)
        parts.append(_pictures(own.pictures, masks, points, own.labels, side, on_black=False))
        targets.append(functional.pad(_fer2013_targets(own, hard, sharp), (0, EMOTION_COUNT)))
    if webfaces:
        parts.append(_pictures(portraits.pictures, outlines, web_points, portraits.labels, side, on_black=True))
        labels = functional.one_hot(torch.from_numpy(portraits.labels), EMOTION_COUNT).float()
        targets.append(functional.pad(labels, (EMOTION_COUNT + FERPLUS_COUNT, 0)))
    joined = FacePictures(*(torch.cat(column) for column in zip(*(vars(p).values() for p in parts), strict=True)))
    return MixedFaces(joined, torch.cat(targets), count_prior(own.labels), count_prior(portraits.labels))


def _key_points_path(cache_folder: Path, dataset: str, rows: int | None) -> Path:
    return cache_folder / f"key-points-{dataset}{'' if rows is None else f'-{rows}'}.npy"


def _pictures(
    pictures: npt.NDArray[np.uint8],
    masks: npt.NDArray[np.uint8],
    points: npt.NDArray[np.float32],
    labels: npt.NDArray[np.int64],
    side: int,
    *,
    on_black: bool,
) -> FacePictures:
    return FacePictures(
        torch.from_numpy(resize_all(pictures, side)),
        torch.from_numpy(resize_all(masks, side)),
        torch.from_numpy(points),
        torch.from_numpy(labels),
        torch.full((len(labels),), on_black),
    )


def _fer2013_targets(faces: Faces, hard: float, sharp: float) -> Tensor:
    """(n, 7 + 8): the published label, mixed with the label that ten votes make likely; then the votes."""
    labels = functional.one_hot(torch.from_numpy(faces.labels), EMOTION_COUNT).float()
    votes = sharpen(torch.from_numpy(faces.votes), sharp)
    return torch.cat([hard * labels + (1 - hard) * label_given_votes(faces), votes], dim=1)


def count_prior(labels: npt.NDArray[np.int64]) -> Tensor:
    """(7,) float32: the share of each emotion among labels (n,); never 0."""
    counts = torch.bincount(torch.from_numpy(labels), minlength=EMOTION_COUNT).float()
    return (counts + 1) / (counts + 1).sum()

"""Chooses the weight of each head in the network that ships, on PublicTest and webfaces' validation only."""

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from convert.datasets.pictures.fer2013 import Fer2013
from convert.evaluation.calm_faces import calm_misread
from convert.evaluation.metrics import accuracy, fit_temperature, recall
from convert.face.distillation import face_inputs
from convert.face.student.data import read_webfaces
from convert.face.student.network import HeadMix, MixedFace
from convert.face.student.resize import resize_all
from device.emotions import softmax

FERPLUS_SHARES = (0.0, 0.1, 0.2, 0.3)
WEBFACES_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
PRIORS = (0.0, 0.25, 0.5, 0.75, 1.0)
MIN_PUBLIC = 68.3
"""Per cent: a mixture has to be at least this accurate on PublicTest. The shipped network has 69.3, and the next
one must not lose more than a point of it to strangers."""
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class HeadLogits:
    """The three heads' logits for one set, and its labels."""

    heads: tuple[Tensor, Tensor, Tensor]
    labels: Labels


@dataclass(frozen=True)
class HeadChoice:
    """A mixture of heads, and its validation figures in per cent."""

    mix: HeadMix
    temperature: float
    public: float
    public_uar: float
    webfaces: float
    calm_public: float
    """Neutral faces of PublicTest classified as angry or sad at the threshold; `calm_webfaces` has webfaces'."""
    calm_webfaces: float

    @property
    def score(self) -> float:
        """The mean of the three accuracies, minus half the mean share of calm faces misread."""
        read = (self.public + self.public_uar + self.webfaces) / 3
        return read - (self.calm_public + self.calm_webfaces) / 4


def predict_validation(
    network: MixedFace, data: Path, side: int = 48, rows: int | None = None
) -> tuple[HeadLogits, HeadLogits]:
    """Run `network` on PublicTest and on webfaces' validation; `rows` allows incomplete sets, for a quick check."""
    part = rows is not None
    public = Fer2013(data / "fer2013", part=part).validation()
    portraits = read_webfaces(data / "webfaces", part=part).validation()
    return (
        _predict(network, resize_all(public.pictures, side), public.labels),
        _predict(network, resize_all(portraits.pictures, side), portraits.labels),
    )


def _predict(network: MixedFace, pictures: npt.NDArray[np.uint8], labels: Labels) -> HeadLogits:
    with torch.inference_mode():
        logits = [network.all_heads(part) for part in face_inputs(torch.from_numpy(pictures)).split(256)]
    heads = [torch.cat(list(part)).float() for part in zip(*logits, strict=True)]
    return HeadLogits((heads[0], heads[1], heads[2]), labels)


def choose_heads(
    public: HeadLogits, portraits: HeadLogits, log_prior: Tensor, threshold: float, fixed: HeadMix | None = None
) -> list[HeadChoice]:
    """The mixtures of the grid with MIN_PUBLIC (or `fixed` alone), sorted by `HeadChoice.score`, best first.

    If none has it, the most accurate one on PublicTest. The temperature is fitted on equally many rows of both sets.
    """
    every = [HeadMix(1.0, f, w, p) for f, w, p in itertools.product(FERPLUS_SHARES, WEBFACES_SHARES, PRIORS)]
    accuracies = [accuracy(mix.mix(*public.heads, log_prior).argmax(dim=1).numpy(), public.labels) for mix in every]
    min_accuracy = min(MIN_PUBLIC, max(accuracies))
    grid = [mix for mix, value in zip(every, accuracies, strict=True) if value >= min_accuracy]
    found = [_judge(mix, public, portraits, log_prior, threshold) for mix in ([fixed] if fixed else grid)]
    return sorted(found, key=lambda choice: -choice.score)


def _judge(mix: HeadMix, public: HeadLogits, portraits: HeadLogits, log_prior: Tensor, threshold: float) -> HeadChoice:
    logits = [mix.mix(*part.heads, log_prior).numpy() for part in (public, portraits)]
    count = min(len(part) for part in logits)
    temperature = fit_temperature(
        np.concatenate([part[:count] for part in logits]),
        np.concatenate([part.labels[:count] for part in (public, portraits)]),
    )
    read = [part.argmax(axis=1) for part in logits]
    return HeadChoice(
        mix,
        temperature,
        accuracy(read[0], public.labels),
        recall(read[0], public.labels),
        accuracy(read[1], portraits.labels),
        calm_misread(softmax(logits[0], temperature), public.labels, threshold),
        calm_misread(softmax(logits[1], temperature), portraits.labels, threshold),
    )

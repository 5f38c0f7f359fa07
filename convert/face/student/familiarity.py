"""Fits the `familiarity` on the face card: from which response of the network on a face counts as a familiar one.

Fitted on the validation sets, and on the same faces changed as in `strange.FITTED`. The fit makes the answers on the
changed faces as likely as it can, at the cost of a little likelihood on the unchanged ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from convert.datasets.pictures.fer2013 import Fer2013
from convert.datasets.pictures.webfaces import Webfaces
from convert.evaluation.metrics import fit_neutral_prior, fit_unknown_below
from convert.evaluation.predictions import CLASSES, Predictions
from convert.face.student.resize import resize_all
from convert.face.student.strange import FITTED, Picture, change_all
from device.emotions import Floats
from device.perception.face.classifier import face_input
from device.perception.face.familiarity import face_probabilities, response
from device.perception.models.card import Card, Familiarity
from device.perception.models.inputs import FACE_PX
from device.perception.tflite import Network

MAX_COST = 0.01
"""How much the mean log-likelihood of the unchanged faces may fall. At 0.05, a third fewer of the familiar faces would
be read, and their calibration error would rise from 3 to 8 points."""
CHANGED = 700
"""Faces of each set that are changed."""
_PERCENTILES = (0.5, 1, 2, 3, 5, 7, 10, 15, 20, 30, 40)
_WIDTHS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8)
_POWERS = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)


@dataclass(frozen=True)
class LabelledLogits:
    """logits (n, 7) of one set, labels (n,)."""

    logits: Floats
    labels: npt.NDArray[np.int64]


def predict_logits(network: Network, pictures: Picture) -> Floats:
    """Logits (n, 7) of pictures (n, s, s) uint8 gray, through the device's own preprocessing."""
    return np.array([network.run(face_input(picture))[0][0] for picture in resize_all(pictures, FACE_PX)], np.float32)


def spread_rows(count: int) -> npt.NDArray[np.int64]:
    """CHANGED of `count` rows (all, if there are fewer), evenly spread: a set may be sorted by emotion."""
    return np.linspace(0, count - 1, min(CHANGED, count)).round().astype(np.int64)


def _read_validation_sets(data: Path, *, part: bool) -> list[tuple[Picture, npt.NDArray[np.int64]]]:
    """Pictures (n, 48, 48) and labels (n,) of PublicTest and of webfaces' validation."""
    public = Fer2013(data / "fer2013", part=part).validation()
    portraits = Webfaces(data / "webfaces", part=part).validation()
    return [(public.pictures, public.labels), (resize_all(portraits.pictures, FACE_PX), portraits.labels)]


def predict_familiar_sets(network: Network, data: Path) -> list[LabelledLogits]:
    """PublicTest and webfaces' validation, unchanged."""
    sets = _read_validation_sets(data, part=False)
    return [LabelledLogits(predict_logits(network, pictures), labels) for pictures, labels in sets]


def predict_validation_sets(
    network: Network, data: Path, rows: int | None = None
) -> tuple[list[LabelledLogits], list[LabelledLogits]]:
    """(PublicTest and webfaces' validation, CHANGED faces of both under each change of FITTED).

    `rows` allows incomplete sets, for a quick check.
    """
    sets = _read_validation_sets(data, part=rows is not None)
    familiar = [LabelledLogits(predict_logits(network, pictures), labels) for pictures, labels in sets]
    few = np.concatenate([pictures[spread_rows(len(pictures))] for pictures, _ in sets])
    few_labels = np.concatenate([labels[spread_rows(len(labels))] for _, labels in sets])
    strange = [
        LabelledLogits(predict_logits(network, change_all(few, change)), few_labels) for change in FITTED.values()
    ]
    return familiar, strange


def join_validation(familiar: list[LabelledLogits]) -> Predictions:
    """All validation sets as one."""
    labels = np.concatenate([part.labels for part in familiar])
    names, empty = np.array([str(i) for i in range(len(labels))]), np.full(len(labels), "")
    return Predictions(CLASSES, np.concatenate([part.logits for part in familiar]), labels, names, empty, empty)


def fit_familiarity(card: Card, familiar: list[LabelledLogits], strange: list[LabelledLogits]) -> Familiarity | None:
    """The familiarity under which `strange` is most likely, at MAX_COST for `familiar`; None when none helps.

    Each set counts equally. `card` gives the temperature.
    """
    responses = np.concatenate([response(part.logits) for part in familiar])
    plain = msgspec.structs.replace(card, familiarity=None)
    most = _loss(plain, familiar) + MAX_COST
    best, lowest = None, _loss(plain, strange)
    for percentile, width, power in product(_PERCENTILES, _WIDTHS, _POWERS):
        half_at = round(float(np.percentile(responses, percentile)), 3)
        tried = msgspec.structs.replace(card, familiarity=Familiarity(half_at, width, power))
        loss = _loss(tried, strange)
        if loss < lowest and _loss(tried, familiar) <= most:
            best, lowest = tried.familiarity, loss
    return best


def _loss(card: Card, parts: list[LabelledLogits]) -> float:
    """The mean over the sets of the mean negative log-likelihood."""
    losses = []
    for part in parts:
        probabilities = face_probabilities(part.logits, card)
        losses.append(-np.log(probabilities[np.arange(len(part.labels)), part.labels] + 1e-9).mean())
    return float(np.mean(losses))


def with_familiarity(card: Card, familiar: list[LabelledLogits], strange: list[LabelledLogits]) -> Card:
    """`card` with its familiarity, and what follows from the probabilities: `unknown_below` and the neutral prior."""
    card = msgspec.structs.replace(card, familiarity=fit_familiarity(card, familiar, strange))
    validation = join_validation(familiar)
    probabilities = face_probabilities(validation.logits, card)
    return msgspec.structs.replace(
        card,
        unknown_below=fit_unknown_below(probabilities, validation.truth),
        neutral_prior=fit_neutral_prior(probabilities, validation.truth),
    )


def separation(strange: Floats, familiar: Floats) -> float:
    """The area under the ROC curve in per cent: how often a strange score (n,) is above a familiar one (m,)."""
    ranks = np.concatenate([strange, familiar]).argsort().argsort()[: len(strange)]
    below = float(ranks.sum()) - len(strange) * (len(strange) - 1) / 2
    return 100 * below / (len(strange) * len(familiar))


def shares_said(probabilities: Floats, labels: npt.NDArray[np.int64] | None, threshold: float) -> Mapping[str, float]:
    """Per cent of the rows (n, 7) that are `said` at the threshold, and said `wrong`; without labels all are wrong."""
    said = probabilities.max(axis=1) >= threshold
    right = np.zeros(len(said), bool) if labels is None else probabilities.argmax(axis=1) == labels
    return {"said": 100 * float(said.mean()), "wrong": 100 * float((said & ~right).mean())}

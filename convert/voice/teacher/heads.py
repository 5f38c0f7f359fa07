"""A light head on a frozen body: logistic regression on its numbers, absolute or relative to the speaker's mean.

The numbers keep their own scales. Standardizing each of them, the usual first step, would make the many weak
directions, which tell one corpus from another, as loud as the few strong ones that all corpora share: a head on the
teacher's numbers then reads unseen corpora up to 13 points worse (nEMO 33 instead of 46).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from convert.evaluation.predictions import Ints
from device.emotions import Floats
from device.perception.voice.speaker_baseline import PRIOR

STRENGTH = 1e-4
"""The weight of the L2 penalty, for numbers whose variances add up to one."""


@dataclass(frozen=True)
class Head:
    """A linear layer."""

    weight: Floats
    """(k, classes)."""
    bias: Floats

    def __call__(self, numbers: Floats) -> Floats:
        """(n, k) -> logits (n, classes)."""
        return np.asarray(numbers @ self.weight + self.bias, np.float32)


def fit_head(numbers: Floats, wanted: Floats, weights: Floats, strength: float = STRENGTH) -> Head:
    """Fit the head that makes the probabilities `wanted` (n, classes) most likely, with an L2 penalty on its weights.

    `weights` (n,) are the weights of the rows.
    """
    classes = wanted.shape[1]
    share = (weights / weights.sum()).astype(np.float32)[:, None]
    centre = (numbers * share).sum(axis=0)
    scale = np.float32(1 / np.sqrt((((numbers - centre) ** 2) * share).sum() + 1e-12))
    rows = ((numbers - centre) * scale).astype(np.float32)

    def loss(flat: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        weight = flat.reshape(-1, classes).astype(np.float32)
        logits = rows @ weight[:-1] + weight[-1]
        logarithm = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        slope = (np.exp(logarithm) - wanted) * share
        gradient = np.vstack([rows.T @ slope + strength * weight[:-1], slope.sum(axis=0, keepdims=True)])
        value = -(share * wanted * logarithm).sum() + 0.5 * strength * (weight[:-1] ** 2).sum()
        return float(value), gradient.ravel().astype(np.float64)

    start = np.zeros((rows.shape[1] + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 200})
    weight = found.x.reshape(-1, classes).astype(np.float32)
    scaled = np.asarray(weight[:-1] * scale, np.float32)
    return Head(scaled, np.asarray(weight[-1] - centre @ scaled, np.float32))


def one_hot(labels: Ints, classes: int, smoothing: float = 0.0) -> Floats:
    """(n,) -> (n, classes): `smoothing` is taken from the right class and spread over all."""
    return np.asarray(np.eye(classes)[labels] * (1 - smoothing) + smoothing / classes, np.float32)


def balanced(labels: Ints, groups: Ints) -> Floats:
    """(n,) weights, one on average: all groups weigh the same, and so do all labels within a group."""
    weight = np.zeros(len(labels))
    for group in np.unique(groups):
        for label in np.unique(labels[groups == group]):
            mine = (groups == group) & (labels == label)
            weight[mine] = 1 / (mine.sum() * len(np.unique(labels[groups == group])))
    return np.asarray(weight / weight.mean(), np.float32)


def acquainted(numbers: Floats, speakers: npt.NDArray[np.str_], centre: Floats) -> Floats:
    """(n, k): each row minus the difference between its speaker's mean and `centre` (k,), the mean of all voices.

    This is how a device knows a speaker after hearing all the rows; `centre` counts as PRIOR utterances of the mean.
    """
    result = np.array(numbers)
    for speaker in np.unique(speakers):
        own = numbers[speakers == speaker]
        known = len(own) / (len(own) + PRIOR)
        result[speakers == speaker] -= known * (own.mean(axis=0) - centre)
    return result

"""Metrics of predictions, in per cent, with bootstrap intervals over rows or over speakers."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convert.evaluation.predictions import Ints, Predictions, Strings
from device.emotions import EMOTIONS, Emotion, Floats, softmax
from device.perception.mood.baseline import neutral_prior

NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)


def fit_neutral_prior(probabilities: Floats, truth: npt.NDArray[np.int64]) -> tuple[float, ...]:
    """(7,): the mean prediction on the neutral rows of `probabilities` (n, 7) and `truth` (n,), for a card."""
    return neutral_prior(list(probabilities[truth == NEUTRAL])).shares


Metric = Callable[[Ints, Ints], float]
RESAMPLES = 500


def recall(prediction: Ints, truth: Ints) -> float:
    """Unweighted average recall in per cent over the classes that occur; arguments (n,) int."""
    return 100 * float(np.mean([(prediction[truth == c] == c).mean() for c in np.unique(truth)]))


def accuracy(prediction: Ints, truth: Ints) -> float:
    """Accuracy in per cent."""
    return 100 * float((prediction == truth).mean())


def f1(prediction: Ints, truth: Ints, classes: int) -> list[float]:
    """F1 per class, 0..1."""
    result = []
    for c in range(classes):
        hit = float(((prediction == c) & (truth == c)).sum())
        result.append(2 * hit / max(float((prediction == c).sum() + (truth == c).sum()), 1.0))
    return result


def confusion(prediction: Ints, truth: Ints, classes: int) -> Ints:
    """(classes, classes) counts: rows are the truth, columns the prediction."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, prediction), 1)
    return counts


def calibration_error(probabilities: Floats, truth: Ints, bins: int = 15) -> float:
    """Expected calibration error in per cent (Naeini et al. 2015): |confidence - accuracy| over bins of equal width."""
    confidence, is_right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    bin_index = np.minimum((confidence * bins).astype(int), bins - 1)
    return 100 * sum(
        float((bin_index == b).mean())
        * abs(float(confidence[bin_index == b].mean()) - float(is_right[bin_index == b].mean()))
        for b in range(bins)
        if (bin_index == b).any()
    )


def calibration_floor(probabilities: Floats) -> float:
    """The `calibration_error` of a perfectly calibrated network with `probabilities` on this number of rows.

    Bins of a dozen rows never agree exactly: for 500 rows the error is about 4 points even when nothing is wrong.
    """
    rng = np.random.default_rng(0)
    edges = probabilities.cumsum(axis=1)
    drawn = [(rng.random((len(edges), 1)) * edges[:, -1:] > edges).sum(axis=1) for _ in range(20)]
    return float(np.mean([calibration_error(probabilities, truth) for truth in drawn]))


def accuracy_on_surest(probabilities: Floats, truth: Ints, share: float = 0.7) -> float:
    """Accuracy in per cent on the `share` of rows with the highest confidence."""
    order = np.argsort(-probabilities.max(axis=1), kind="stable")[: round(share * len(truth))]
    return accuracy(probabilities[order].argmax(axis=1), truth[order])


@dataclass(frozen=True)
class Estimate:
    """A value and its 95 % interval, in per cent."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f}–{self.high:.1f})"


def estimate(metric: Metric, p: Predictions, *, by_group: bool = False) -> Estimate:
    """`metric` of `p`, with an interval from resampled rows or speakers: twelve clips of one are not twelve people."""
    prediction = p.prediction
    rng = np.random.default_rng(0)
    samples = _resample(p.groups, len(prediction), rng, by_group=by_group)
    values = [metric(prediction[rows], p.truth[rows]) for rows in samples]
    low, high = np.percentile(values, [2.5, 97.5])
    return Estimate(metric(prediction, p.truth), float(low), float(high))


def _resample(groups: Strings, count: int, rng: np.random.Generator, *, by_group: bool) -> list[Ints]:
    if not by_group:
        return [rng.integers(count, size=count) for _ in range(RESAMPLES)]
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    return [
        np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]) for _ in range(RESAMPLES)
    ]


def fit_temperature(logits: Floats, truth: Ints) -> float:
    """The temperature in 0.3..5 with the highest likelihood of `truth` (n,) given `logits` (n, k): Guo et al. 2017."""
    candidates = np.exp(np.linspace(np.log(0.3), np.log(5), 281))
    rows = np.arange(len(truth))
    losses = [-np.log(softmax(logits, float(t))[rows, truth] + 1e-9).mean() for t in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 3)


def fit_unknown_below(probabilities: Floats, truth: Ints, min_accuracy: float = 0.75, min_share: float = 0.5) -> float:
    """The lowest confidence above which `min_accuracy` of the rows are right; it admits at least `min_share`."""
    confidence = probabilities.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    hits = np.cumsum((probabilities.argmax(axis=1) == truth)[order]) / np.arange(1, len(truth) + 1)
    minimum = int(min_share * len(truth))
    enough = np.flatnonzero(hits >= min_accuracy)
    count = max(int(enough[-1]) if len(enough) else 0, minimum - 1)
    return round(float(confidence[order[count]]), 3)

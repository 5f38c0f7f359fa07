"""What is counted of predictions, in per cent, each with a bootstrap interval that knows who was seen or heard."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convert.evaluation.predictions import Ints, Predictions, Strings
from device.emotions import EMOTIONS, Emotion, Floats, softmax
from device.perception.mood.baseline import neutral_prior

NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)


def fit_neutral_prior(probabilities: Floats, truth: npt.NDArray[np.int64]) -> tuple[float, ...]:
    """(7,): how the rows (n, 7) of truth (n,) neutral read, for a card."""
    return neutral_prior(list(probabilities[truth == NEUTRAL])).shares


Metric = Callable[[Ints, Ints], float]
RESAMPLES = 500


def recall(read: Ints, truth: Ints) -> float:
    """Unweighted average recall in per cent over the classes that occur; labels (n,) int."""
    return 100 * float(np.mean([(read[truth == c] == c).mean() for c in np.unique(truth)]))


def accuracy(read: Ints, truth: Ints) -> float:
    """Share read right, in per cent."""
    return 100 * float((read == truth).mean())


def f1(read: Ints, truth: Ints, classes: int) -> list[float]:
    """F1 per class, 0..1."""
    result = []
    for c in range(classes):
        hit = float(((read == c) & (truth == c)).sum())
        result.append(2 * hit / max(float((read == c).sum() + (truth == c).sum()), 1.0))
    return result


def confusion(read: Ints, truth: Ints, classes: int) -> Ints:
    """(classes, classes): rows what it was, columns what was read."""
    counted = np.zeros((classes, classes), np.int64)
    np.add.at(counted, (truth, read), 1)
    return counted


def calibration_error(probabilities: Floats, truth: Ints, bins: int = 15) -> float:
    """Expected calibration error in per cent (Naeini et al. 2015): |confidence - accuracy| over equal bins."""
    sure, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    at = np.minimum((sure * bins).astype(int), bins - 1)
    return 100 * sum(
        float((at == b).mean()) * abs(float(sure[at == b].mean()) - float(right[at == b].mean()))
        for b in range(bins)
        if (at == b).any()
    )


def calibration_floor(probabilities: Floats) -> float:
    """What `calibration_error` shows of a perfectly calibrated network that says `probabilities` of so few rows.

    Bins of a dozen rows never agree exactly: the error of 500 rows is some 4 points even when nothing is wrong.
    """
    rng = np.random.default_rng(0)
    edges = probabilities.cumsum(axis=1)
    drawn = [(rng.random((len(edges), 1)) * edges[:, -1:] > edges).sum(axis=1) for _ in range(20)]
    return float(np.mean([calibration_error(probabilities, truth) for truth in drawn]))


def accuracy_on_surest(probabilities: Floats, truth: Ints, share: float = 0.7) -> float:
    """Accuracy in per cent on the `share` of rows whose likeliest class is most probable."""
    order = np.argsort(-probabilities.max(axis=1), kind="stable")[: round(share * len(truth))]
    return accuracy(probabilities[order].argmax(axis=1), truth[order])


@dataclass(frozen=True)
class Estimate:
    """A number and the ends of its 95 % interval, in per cent."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.1f} ({self.low:.1f}–{self.high:.1f})"


def estimate(metric: Metric, p: Predictions, *, by_group: bool = False) -> Estimate:
    """`metric` of `p`, its interval from resampled rows, or resampled speakers: twelve clips of one are not twelve."""
    read = p.read
    rng = np.random.default_rng(0)
    drawn = [metric(read[rows], p.truth[rows]) for rows in _resample(p.groups, len(read), rng, by_group=by_group)]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Estimate(metric(read, p.truth), float(low), float(high))


def _resample(groups: Strings, count: int, rng: np.random.Generator, *, by_group: bool) -> list[Ints]:
    if not by_group:
        return [rng.integers(count, size=count) for _ in range(RESAMPLES)]
    members = [np.flatnonzero(groups == group) for group in np.unique(groups)]
    return [
        np.concatenate([members[i] for i in rng.integers(len(members), size=len(members))]) for _ in range(RESAMPLES)
    ]


def fit_temperature(logits: Floats, truth: Ints) -> float:
    """The temperature in 0.3..5 under which `truth` (n,) is likeliest given `logits` (n, k) (Guo et al. 2017)."""
    candidates = np.exp(np.linspace(np.log(0.3), np.log(5), 281))
    rows = np.arange(len(truth))
    losses = [-np.log(softmax(logits, float(t))[rows, truth] + 1e-9).mean() for t in candidates]
    return round(float(candidates[int(np.argmin(losses))]), 3)


def fit_unknown_below(probabilities: Floats, truth: Ints, right: float = 0.75, answered: float = 0.5) -> float:
    """The confidence from which on answers are right in `right` of the cases, though at least `answered` are given."""
    sure = probabilities.max(axis=1)
    order = np.argsort(-sure, kind="stable")
    hits = np.cumsum((probabilities.argmax(axis=1) == truth)[order]) / np.arange(1, len(truth) + 1)
    least = int(answered * len(truth))
    good = np.flatnonzero(hits >= right)
    count = max(int(good[-1]) if len(good) else 0, least - 1)
    return round(float(sure[order[count]]), 3)

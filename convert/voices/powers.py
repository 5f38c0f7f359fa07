"""To what powers two networks' probabilities are multiplied: always fitted on clips other than those asked about."""

from dataclasses import replace

import numpy as np

from convert.predictions import Ints, Predictions, Strings, aligned, log_shares
from device.emotions import Floats

Powers = tuple[float, float]
_GRID = np.arange(0.05, 1.51, 0.05)


def fitted(first: Floats, second: Floats, truth: Ints) -> Powers:
    """The powers under which `truth` (n,) is likeliest; `first` and `second` (n, k) log-probabilities.

    Two numbers: all pairs of a grid in steps of 0.05 are tried.
    """
    rows = np.arange(len(truth))

    def loss(powers: Powers) -> float:
        both = powers[0] * first + powers[1] * second
        return float((np.logaddexp.reduce(both, axis=1) - both[rows, truth]).mean())

    a, b = min(((float(a), float(b)) for a in _GRID for b in _GRID), key=loss)
    return round(a, 2), round(b, 2)


def cross_fitted(first: Predictions, second: Predictions, parts: Strings) -> Predictions:
    """Both networks' answers to the same clips as one; the rows of each of `parts` (n,) under the others' powers."""
    own, other = log_shares(first.logits), log_shares(aligned(second, first))
    both = np.empty_like(own)
    for part in np.unique(parts):
        here = parts == part
        a, b = fitted(own[~here], other[~here], first.truth[~here])
        both[here] = a * own[here] + b * other[here]
    return replace(first, logits=both)


def joined_by_halves(first: Predictions, second: Predictions) -> Predictions:
    """`cross_fitted` for a random split: every other clip under the powers that suit the clips between."""
    return cross_fitted(first, second, np.array([str(row % 2) for row in range(len(first.truth))]))

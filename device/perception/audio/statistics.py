"""Turns curves over time into a few numbers: the statistics that `prosody` computes for each curve.

A curve has about a hundred values, so the calls cost more than the arithmetic. Many curves are processed at once.
"""

import itertools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


def functionals(curves: Curve) -> Curve:
    """(k, frames) -> (7, k): mean, spread, the quantiles 0.1, 0.5 and 0.9, trend, and mean absolute step per frame."""
    if curves.shape[1] < 2:
        curves = np.repeat(curves[:, :1], 2, axis=1)
    count = curves.shape[1]
    found = np.empty((7, len(curves)), curves.dtype)
    found[0], found[1], away = moments(curves)
    found[2:5] = quantiles(np.sort(curves, axis=1), (0.1, 0.5, 0.9))
    time = np.arange(1 - count, count, 2, dtype=curves.dtype) / (count - 1)
    found[5] = away @ time / (time @ time)
    found[6] = np.add.reduce(np.abs(curves[:, 1:] - curves[:, :-1]), axis=1) / (count - 1)
    return found


def moments(curves: Curve) -> tuple[Curve, Curve, Curve]:
    """(k, frames) -> mean (k,), spread (k,), and differences from the mean (k, frames)."""
    middle = np.add.reduce(curves, axis=1) / curves.shape[1]
    away = curves - middle[:, None]
    return middle, np.sqrt(np.einsum("ij,ij->i", away, away) / curves.shape[1]), away


def quantiles(ordered: Curve, shares: Sequence[float]) -> list[Curve]:
    """The quantiles `shares` of values sorted along the last axis: a fast np.quantile.

    np.quantile takes a third of a millisecond, and `prosody` needs thirty quantiles.
    """
    last = ordered.shape[-1] - 1
    found = []
    for share in shares:
        below = int(share * last)
        part = share * last - below
        low, high = ordered[..., below], ordered[..., min(below + 1, last)]
        found.append(low + (high - low) * part)
    return found


def thirds(curves: Curve) -> Curve:
    """(k, frames) -> (3 * k,): the means of the first, second and last third minus that of all; 0 for empty ones."""
    count = curves.shape[1]
    whole = np.add.reduce(curves, axis=1) / count
    parts = [curves[:, begin:end] for begin, end in itertools.pairwise(-(-count * k // 3) for k in range(4))]
    means = [np.add.reduce(p, axis=1) / p.shape[1] - whole if p.size else np.zeros_like(whole) for p in parts]
    return np.concatenate(means)


def slopes(steps: Curve, counts: Curve) -> Curve:
    """How curves rise and fall: (k, n) steps, of which `counts` (k,) are valid and the others 0 -> (5, k).

    Rises (mean, spread), falls (mean, spread), and the share of rises: 0.5 without valid steps.
    """
    rises = np.maximum(steps, 0)
    falls = steps - rises
    up, down = np.add.reduce(rises > 0, axis=1), np.add.reduce(falls < 0, axis=1)
    share = np.where(counts > 0, up / np.maximum(counts, 1), 0.5)
    return np.concatenate([_mean_and_spread_rows(rises, up), _mean_and_spread_rows(falls, down), share[None]])


def _mean_and_spread_rows(values: Curve, counts: Curve) -> Curve:
    """(k, n) with 0 for missing values -> mean and spread (2, k) of the `counts` (k,) others; (0, 0) for none."""
    some = np.maximum(counts, 1)
    means = np.add.reduce(values, axis=1) / some
    return np.stack([means, spreads(means, np.einsum("ij,ij->i", values, values) / some)])


def spreads(means: Curve, squares: Curve) -> Curve:
    """Standard deviations from means and mean squares of the same shape."""
    return np.sqrt(np.maximum(squares - means * means, 0))


def mean_and_spread(values: npt.NDArray[np.number]) -> tuple[float, float]:
    """Mean and standard deviation; (0, 0) for no values."""
    if not len(values):
        return 0.0, 0.0
    exact = values.astype(np.float64, copy=False)
    middle = float(np.add.reduce(exact)) / len(exact)
    return middle, math.sqrt(max(float(exact @ exact) / len(exact) - middle * middle, 0.0))


def moving_means(curves: Curve) -> tuple[Curve, Curve]:
    """(k, frames) -> the moving means over three and over five frames; the end values are repeated."""
    longer = np.concatenate([curves[:, :1], curves[:, :1], curves, curves[:, -1:], curves[:, -1:]], axis=1)
    three = longer[:, 1:-3] + longer[:, 2:-2] + longer[:, 3:-1]
    return three / 3, (three + longer[:, :-4] + longer[:, 4:]) / 5


def runs(mask: Mask) -> tuple[Places, Places]:
    """Where the runs of True begin, and where they end."""
    longer = np.zeros(len(mask) + 2, np.bool_)
    longer[1:-1] = mask
    edges = np.flatnonzero(longer[1:] != longer[:-1])
    return edges[::2], edges[1::2]


def count_peaks(curve: Curve, min_height: float) -> int:
    """How many frames are higher than both neighbours and than `min_height`."""
    middle = curve[1:-1]
    return int(np.count_nonzero((middle > curve[:-2]) & (middle > curve[2:]) & (middle > min_height)))

"""Curves over time -> a few numbers: what `prosody` says of how a curve lies, spreads, rises and falls."""

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Curve = npt.NDArray[np.floating]
Mask = npt.NDArray[np.bool_]


def functionals(curves: Curve) -> Curve:
    """(k, frames) -> (7, k): mean, spread, quantiles 0.1, 0.5 and 0.9, trend, and mean step from frame to frame."""
    if curves.shape[1] < 2:
        curves = np.repeat(curves[:, :1], 2, axis=1)
    count = curves.shape[1]
    middle, spread, away = moments(curves)
    time = np.arange(1 - count, count, 2, dtype=curves.dtype) / (count - 1)
    steps = np.add.reduce(np.abs(curves[:, 1:] - curves[:, :-1]), axis=1) / (count - 1)
    ordered = np.sort(curves, axis=1)
    return np.stack([middle, spread, *quantiles(ordered, (0.1, 0.5, 0.9)), away @ time / (time @ time), steps])


def moments(curves: Curve) -> tuple[Curve, Curve, Curve]:
    """(k, frames) -> mean (k,), spread (k,), and how far each is from the mean (k, frames)."""
    middle = np.add.reduce(curves, axis=1) / curves.shape[1]
    away = curves - middle[:, None]
    return middle, np.sqrt(np.einsum("ij,ij->i", away, away) / curves.shape[1]), away


def quantiles(ordered: Curve, shares: Sequence[float]) -> list[Curve]:
    """Those of values that are sorted along the last axis, one for each of `shares`; as np.quantile, without its price.

    It takes a third of a millisecond for what is a few places in a row, and `prosody` asks for thirty.
    """
    last = ordered.shape[-1] - 1
    found = []
    for share in shares:
        below = int(share * last)
        part = share * last - below
        low, high = ordered[..., below], ordered[..., min(below + 1, last)]
        found.append(low + (high - low) * part)
    return found


def slopes(curve: Curve, where: Mask | None = None) -> list[float]:
    """Rises (mean, spread), falls (mean, spread) and the share of rises, between neighbours that are `where` (5)."""
    steps = curve[1:] - curve[:-1]
    if where is not None:
        steps = steps[where[1:] & where[:-1]]
    rises = steps[steps > 0]
    share = len(rises) / len(steps) if len(steps) else 0.5
    return [*mean_and_spread(rises), *mean_and_spread(steps[steps < 0]), share]


def mean_and_spread(values: npt.NDArray[np.number]) -> tuple[float, float]:
    """(0, 0) of nothing."""
    if not len(values):
        return 0.0, 0.0
    exact = values.astype(np.float64, copy=False)
    middle = float(np.add.reduce(exact)) / len(exact)
    return middle, math.sqrt(max(float(exact @ exact) / len(exact) - middle * middle, 0.0))


def mean(values: npt.NDArray[np.number]) -> float:
    """0 of nothing."""
    return float(np.add.reduce(values, dtype=np.float64)) / max(len(values), 1)


def smooth(curve: Curve, frames: int) -> Curve:
    """The mean over `frames` (odd) around each; the ends go on as they are."""
    beside = frames // 2
    longer = np.empty(len(curve) + 2 * beside)
    longer[:beside], longer[beside:-beside], longer[-beside:] = curve[0], curve, curve[-1]
    return np.convolve(longer, _even(frames), "valid")


@lru_cache
def _even(frames: int) -> Curve:
    return np.full(frames, 1 / frames)


def peaks(curve: Curve, least: float) -> int:
    """How many frames stand out of both neighbours and over `least`."""
    middle = curve[1:-1]
    return int(((middle > curve[:-2]) & (middle > curve[2:]) & (middle > least)).sum())

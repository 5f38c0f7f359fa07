"""To what powers two networks' probabilities are multiplied: always fitted on clips other than those asked about."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from convert.predictions import Ints, Predictions, Strings, aligned, load, log_shares
from device.emotions import Floats

_GRID = np.arange(0.05, 1.51, 0.05)
_RATIOS = np.arange(0.1, 3.01, 0.1)
NEW_CORPORA = (("savee", "savee"), ("tess", "tess"), ("ravdess", "ravdess_speech"))
"""Who was left out, and of whom the networks were asked: runs voice-without- and prosody-without-."""


class Powers(NamedTuple):
    """Of the picture's probabilities, and of the prosodic network's."""

    picture: float
    prosody: float


class Voices(NamedTuple):
    """Log-probabilities (n, k) of the picture and of the prosodic network for clips whose emotions are `truth` (n,)."""

    picture: Floats
    prosody: Floats
    truth: Ints

    def loss(self, powers: Powers) -> float:
        """How unlikely the truth is under `powers`: mean cross-entropy in nats."""
        both = powers.picture * self.picture + powers.prosody * self.prosody
        return float((np.logaddexp.reduce(both, axis=1) - both[np.arange(len(self.truth)), self.truth]).mean())


def fitted(voices: Voices) -> Powers:
    """The powers under which the truth is likeliest: all pairs of a grid in steps of 0.05 are tried."""
    return _least(voices.loss)


def mixed_for(sure_of: Voices, new: Sequence[Voices]) -> Powers:
    """How the two are mixed suits voices that they learnt from and `new` ones; how sure they are, `sure_of`.

    Corpora that were learnt lean on the picture, which knows their sentences and rooms; new ones lean on prosody. The
    new ones count as much as the others, each of them alike, whatever its size and however sure it would have the two
    be.
    """

    def best(voices: Voices, ratio: float) -> Powers:
        return min((Powers(ratio * b, b) for b in _GRID), key=voices.loss)

    def loss(ratio: float) -> float:
        learnt, *others = (voices.loss(best(voices, ratio)) for voices in (sure_of, *new))
        return learnt + (math.fsum(others) / len(others) if others else 0.0)

    return _rounded(best(sure_of, min(_RATIOS.tolist(), key=loss)))


def modest_for(sure_of: Voices, new: Sequence[Voices]) -> Powers:
    """Under which the truth is likeliest of voices that were learnt from and of `new` ones, each kind weighing half.

    Of somebody who was not heard before nobody knows to which kind they belong. The new ones weigh alike among each
    other, whatever their size.
    """

    def loss(powers: Powers) -> float:
        others = [voices.loss(powers) for voices in new]
        return sure_of.loss(powers) + (math.fsum(others) / len(others) if others else 0.0)

    return _least(loss)


def _least(loss: Callable[[Powers], float]) -> Powers:
    return _rounded(min((Powers(a, b) for a in _GRID for b in _GRID), key=loss))


def _rounded(powers: Powers) -> Powers:
    return Powers(*(round(float(power), 2) for power in powers))


def pair_powers(answers: Path, temperatures: Powers, *, known: bool, without: str = "") -> Powers:
    """Of a pair with these `temperatures`: for speakers that it has `known`, or, more modestly, for strangers.

    Fitted on the answers that are kept: the pair's own of its validation, and its recipe's of corpora that were left
    out, but for the one `without`. Raises MediaError where the pair's own are missing; of the others, what is there.
    """
    stage = "" if known else "-stranger"

    def paths(picture: str, prosody: str) -> tuple[Path, Path]:
        return answers / f"{picture}.npz", answers / f"{prosody}{stage}.npz"

    def voices(picture: Path, prosody: Path) -> Voices:
        seen, heard = load(picture), load(prosody)
        rows = aligned(heard, seen) / temperatures.prosody
        return Voices(log_shares(seen.logits / temperatures.picture), log_shares(rows), seen.truth)

    new = [
        voices(*kept)
        for out, corpus in NEW_CORPORA
        for kept in [paths(f"voice-without-{out}-{corpus}", f"prosody-without-{out}-{corpus}")]
        if out != without and all(path.exists() for path in kept)
    ]
    return (mixed_for if known else modest_for)(voices(*paths("voice-validation", "prosody-validation")), new)


def multiplied(first: Predictions, second: Predictions, powers: Powers, temperatures: Powers) -> Predictions:
    """Two networks' answers to the same clips as one: their probabilities, each to its power, multiplied.

    Raises MediaError when they were not asked about the same clips.
    """
    seen = log_shares(first.logits / temperatures.picture)
    both = powers.picture * seen + powers.prosody * log_shares(aligned(second, first) / temperatures.prosody)
    return replace(first, logits=both.astype(np.float32))


def cross_fitted(first: Predictions, second: Predictions, parts: Strings) -> Predictions:
    """Both networks' answers to the same clips as one; the rows of each of `parts` (n,) under the others' powers."""
    own, other = log_shares(first.logits), log_shares(aligned(second, first))
    both = np.empty_like(own)
    for part in np.unique(parts):
        here = parts == part
        a, b = fitted(Voices(own[~here], other[~here], first.truth[~here]))
        both[here] = a * own[here] + b * other[here]
    return replace(first, logits=both)


def joined_by_halves(first: Predictions, second: Predictions) -> Predictions:
    """`cross_fitted` for a random split: every other clip under the powers that suit the clips between."""
    return cross_fitted(first, second, np.array([str(row % 2) for row in range(len(first.truth))]))

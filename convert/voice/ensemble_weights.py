"""To what powers two networks' probabilities are multiplied: always fitted on clips other than those asked about."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from convert.datasets.clips import TEST
from convert.evaluation.metrics import fit_neutral_prior
from convert.evaluation.predictions import Ints, Predictions, Strings, align_logits, load_predictions, log_softmax
from convert.export.card import write_pair
from convert.voice.novelty import WIDTH, load_distances
from convert.voice.protocols import NEW_CORPORA
from device.emotions import Floats, softmax
from device.errors import ModelError
from device.perception.models.card import FORMAT
from device.perception.models.model import Model
from device.perception.voice.novelty import likeness

_GRID = np.arange(0.05, 1.51, 0.05)
_TRIED_AT = np.arange(0.95, 1.5, 0.03)
_MIN_POWER, _MAX_POWER = 0.05, 3.0
Doubles = npt.NDArray[np.float64]


class Exponents(NamedTuple):
    """Of the picture's probabilities, and of the prosodic network's."""

    picture: float
    prosody: float


class NearFar(NamedTuple):
    """Of utterances amid those that were learnt from, and of those far from them; between, in between."""

    near: Exponents
    far: Exponents


class PairExponents(NamedTuple):
    """What a pair of networks is fitted to."""

    strangers: NearFar
    known: NearFar
    half_at: float
    """The distance that is half near and half far."""


class Voices(NamedTuple):
    """Log-probabilities (n, k) of the picture and of the prosodic network for clips whose emotions are `truth` (n,)."""

    picture: Floats
    prosody: Floats
    truth: Ints
    distance: Floats = np.zeros(0, np.float32)
    """(n,) from what was learnt; none where the powers are the same near and far."""

    def loss(self, powers: Exponents) -> float:
        """How unlikely the truth is under `powers`: mean cross-entropy in nats."""
        both = powers.picture * self.picture + powers.prosody * self.prosody
        return float((np.logaddexp.reduce(both, axis=1) - both[np.arange(len(self.truth)), self.truth]).mean())


def fit_exponents(voices: Voices) -> Exponents:
    """The powers under which the truth is likeliest: all pairs of a grid in steps of 0.05 are tried."""
    return _round(min((Exponents(a, b) for a in _GRID for b in _GRID), key=voices.loss))


def fit_near_far(strangers: Sequence[Voices], known: Sequence[Voices]) -> PairExponents:
    """Under which the truth is likeliest of voices that were learnt from and of new ones, each kind weighing half.

    The first of both is of voices like those that were learnt from; the new ones weigh alike among each other,
    whatever their size. How much farther away they are is all that tells the one kind from the other.
    """

    def both(half_at: float) -> tuple[float, NearFar, NearFar]:
        (loss, of_strangers), (loss_known, of_known) = (_fit_at(kind, half_at) for kind in (strangers, known))
        return loss + loss_known, of_strangers, of_known

    half_at = round(float(min(_TRIED_AT.tolist(), key=lambda at: both(at)[0])), 2)
    return PairExponents(*both(half_at)[1:], half_at)


def _fit_at(kinds: Sequence[Voices], half_at: float) -> tuple[float, NearFar]:
    """The loss and the powers, where so far away is half near. Both are convex in the four."""
    from scipy.optimize import minimize

    learnt, *new = kinds
    weighed = [(_terms(learnt, half_at), learnt.truth, 1.0)]
    weighed += [(_terms(voices, half_at), voices.truth, 1 / len(new)) for voices in new]

    def loss(powers: Doubles) -> tuple[float, Doubles]:
        total, slope = 0.0, np.zeros(4)
        for terms, truth, weight in weighed:
            logits, rows = terms @ powers, np.arange(len(truth))
            over = np.logaddexp.reduce(logits, axis=1, keepdims=True)
            shares = np.exp(logits - over)
            total += weight * float((over[:, 0] - logits[rows, truth]).mean())
            slope += weight * (np.einsum("nk,nkp->np", shares, terms) - terms[rows, truth]).mean(axis=0)
        return total, slope

    found = minimize(loss, np.full(4, 0.4), jac=True, method="L-BFGS-B", bounds=[(_MIN_POWER, _MAX_POWER)] * 4)
    near, far = (_round(Exponents(*found.x[at : at + 2])) for at in (0, 2))
    return float(found.fun), NearFar(near, far)


def _terms(voices: Voices, half_at: float) -> Doubles:
    """(n, k, 4): what the four powers are multiplied by."""
    near = np.asarray(likeness(voices.distance, half_at, WIDTH), np.float64)[:, None]
    own = (voices.picture, voices.prosody)
    return np.stack([share * logs for share in (near, 1 - near) for logs in own], axis=-1)


def _round(powers: Exponents) -> Exponents:
    return Exponents(*(round(float(power), 2) for power in powers))


def fit_pair(answers: Path, temperatures: Exponents, *, without: str = "") -> PairExponents:
    """Of a pair with these `temperatures`, for strangers and for speakers that it has known.

    Fitted on the answers that are kept: the pair's own of its validation, and its recipe's of corpora that were left
    out. Nobody who tests the shipped pair is among them, nor, `without` a corpus, anybody of that one. Raises
    MediaError where the pair's own or a distance are missing; of the others, what is there.
    """

    def paths(kind: str, *, known: bool) -> tuple[Path, Path]:
        return answers / f"voice-{kind}.npz", answers / f"prosody-{kind}{'' if known else '-stranger'}.npz"

    def voices(kind: str, *, known: bool) -> Voices:
        seen, heard = (load_predictions(path) for path in paths(kind, known=known))
        seen = seen.where(_select_fit_rows(seen, without))
        rows = align_logits(heard, seen) / temperatures.prosody
        distance = load_distances(answers / f"distance-{kind}.npz").of(seen, known=known)
        return Voices(log_softmax(seen.logits / temperatures.picture), log_softmax(rows), seen.truth, distance)

    def kinds(*, known: bool) -> list[Voices]:
        asked = [f"without-{out}-{corpus}" for out, corpus in NEW_CORPORA if out != without]
        kept = [kind for kind in asked if all(path.exists() for path in paths(kind, known=known))]
        return [voices(kind, known=known) for kind in ("validation", *kept)]

    return fit_near_far(kinds(known=False), kinds(known=True))


def _select_fit_rows(p: Predictions, without: str) -> npt.NDArray[np.bool_]:
    """(n,): neither who tests the shipped pair, nor the corpus that a pair fitted `without` it is to be new to."""
    tests = [group.split()[0] in TEST for group in p.groups.tolist()]
    asked = [bool(without) and corpus.split("_")[0] == without for corpus in p.corpora.tolist()]
    return ~(np.array(tests, bool) | np.array(asked, bool))


def multiply(
    first: Predictions, second: Predictions, powers: NearFar, temperatures: Exponents, like_learnt: Floats
) -> Predictions:
    """Two networks' answers to the same clips as one: their probabilities, each to its power, multiplied.

    `like_learnt` (n,), 0..1, tells how near each clip is. Raises MediaError when they were not asked about the same.
    """
    seen = log_softmax(first.logits / temperatures.picture)
    heard = log_softmax(align_logits(second, first) / temperatures.prosody)
    near = like_learnt[:, None]
    both = sum(
        (near * close + (1 - near) * far) * logs for close, far, logs in zip(*powers, (seen, heard), strict=True)
    )
    return replace(first, logits=np.asarray(both, np.float32))


def cross_fit(first: Predictions, second: Predictions, parts: Strings) -> Predictions:
    """Both networks' answers to the same clips as one; the rows of each of `parts` (n,) under the others' powers."""
    own, other = log_softmax(first.logits), log_softmax(align_logits(second, first))
    both = np.empty_like(own)
    for part in np.unique(parts):
        here = parts == part
        a, b = fit_exponents(Voices(own[~here], other[~here], first.truth[~here]))
        both[here] = a * own[here] + b * other[here]
    return replace(first, logits=both)


def join_by_halves(first: Predictions, second: Predictions) -> Predictions:
    """`cross_fit` for a random split: every other clip under the powers that suit the clips between."""
    return cross_fit(first, second, np.array([str(row % 2) for row in range(len(first.truth))]))


def pair_up(models: Path, answers: Path) -> PairExponents:
    """Fit it on the answers that are kept and write both cards in `models`.

    Raises MediaError where the pair's answers of its validation or a distance are missing, and ModelError where
    `prosody`'s card does not tell what distances are counted from.
    """
    picture, prosody = Model("voice", models), Model("prosody", models)
    learnt = prosody.card.learnt
    if learnt is None:
        raise ModelError(f"{models}/prosody.json: tells nothing of what was learnt from: python -m convert distances")
    temperatures = Exponents(picture.card.temperature, prosody.card.temperature)
    powers = fit_pair(answers, temperatures)
    seen, heard = (
        load_predictions(answers / f"{name}.npz") for name in ("voice-validation", "prosody-validation-stranger")
    )
    distance = load_distances(answers / "distance-validation.npz").of(seen, known=False)
    like_learnt = likeness(distance, powers.half_at, learnt.width)
    said = multiply(seen, heard, powers.strangers, temperatures, like_learnt)
    changed = {
        "learnt": msgspec.structs.replace(learnt, half_at=powers.half_at),
        "resting": fit_neutral_prior(softmax(said.logits), heard.truth),
    }
    for model, at, more in ((picture, 0, {}), (prosody, 1, changed)):
        (near, far), (near_known, far_known) = powers.strangers, powers.known
        card = msgspec.structs.replace(
            model.card,
            power=near[at],
            power_known=near_known[at],
            power_far=far[at],
            power_known_far=far_known[at],
            format=FORMAT,
            **more,
        )
        write_pair(models, (models / f"{card.name}.tflite").read_bytes(), card)
    return powers

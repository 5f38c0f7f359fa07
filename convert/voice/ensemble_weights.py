"""The exponents of the two networks' probabilities in their product; never fitted on the clips that are tested."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import TEST
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
_HALF_AT_GRID = np.arange(0.95, 1.5, 0.03)
_MIN_EXPONENT, _MAX_EXPONENT = 0.05, 3.0
Doubles = npt.NDArray[np.float64]


class Exponents(NamedTuple):
    """Exponents of the probabilities of both networks."""

    picture: float
    prosody: float


class NearFar(NamedTuple):
    """Exponents for utterances near the training clips and far from them; interpolated in between."""

    near: Exponents
    far: Exponents


class PairExponents(NamedTuple):
    """The fit of a pair of networks."""

    new: NearFar
    known: NearFar
    half_at: float
    """The distance that counts as half near and half far."""


class Voices(NamedTuple):
    """Log-probabilities (n, k) of the picture and the prosody network, and the emotions `truth` (n,)."""

    picture: Floats
    prosody: Floats
    truth: Ints
    distance: Floats = np.zeros(0, np.float32)
    """(n,) distances from the training clips; empty when near and far have the same exponents."""

    def loss(self, exponents: Exponents) -> float:
        """The mean cross-entropy in nats under `exponents`."""
        both = exponents.picture * self.picture + exponents.prosody * self.prosody
        return float((np.logaddexp.reduce(both, axis=1) - both[np.arange(len(self.truth)), self.truth]).mean())


def fit_exponents(voices: Voices) -> Exponents:
    """The exponents with the smallest loss on a grid in steps of 0.05."""
    return _round(min((Exponents(a, b) for a in _GRID for b in _GRID), key=voices.loss))


def fit_near_far(new: Sequence[Voices], known: Sequence[Voices]) -> PairExponents:
    """The fit with the smallest loss, half of it on voices of the training corpora and half on those of new corpora.

    The first entry of each argument has the voices of the training corpora. The others are new corpora, of equal weight
    whatever their size. Only the distance distinguishes the two kinds.
    """

    def both(half_at: float) -> tuple[float, NearFar, NearFar]:
        (loss, for_new), (loss_known, for_known) = (_fit_at(kind, half_at) for kind in (new, known))
        return loss + loss_known, for_new, for_known

    half_at = round(float(min(_HALF_AT_GRID.tolist(), key=lambda at: both(at)[0])), 2)
    return PairExponents(*both(half_at)[1:], half_at)


def _fit_at(kinds: Sequence[Voices], half_at: float) -> tuple[float, NearFar]:
    """The loss and the exponents for a given `half_at`. Both losses are convex in the four exponents."""
    from scipy.optimize import minimize

    in_training, *others = kinds
    weighted = [(_terms(in_training, half_at), in_training.truth, 1.0)]
    weighted += [(_terms(voices, half_at), voices.truth, 1 / len(others)) for voices in others]

    def loss(exponents: Doubles) -> tuple[float, Doubles]:
        total, slope = 0.0, np.zeros(4)
        for terms, truth, weight in weighted:
            logits, rows = terms @ exponents, np.arange(len(truth))
            over = np.logaddexp.reduce(logits, axis=1, keepdims=True)
            probabilities = np.exp(logits - over)
            total += weight * float((over[:, 0] - logits[rows, truth]).mean())
            slope += weight * (np.einsum("nk,nkp->np", probabilities, terms) - terms[rows, truth]).mean(axis=0)
        return total, slope

    found = minimize(loss, np.full(4, 0.4), jac=True, method="L-BFGS-B", bounds=[(_MIN_EXPONENT, _MAX_EXPONENT)] * 4)
    near, far = (_round(Exponents(*found.x[at : at + 2])) for at in (0, 2))
    return float(found.fun), NearFar(near, far)


def _terms(voices: Voices, half_at: float) -> Doubles:
    """(n, k, 4): the factors of the four exponents."""
    near = np.asarray(likeness(voices.distance, half_at, WIDTH), np.float64)[:, None]
    own = (voices.picture, voices.prosody)
    return np.stack([share * logs for share in (near, 1 - near) for logs in own], axis=-1)


def _round(exponents: Exponents) -> Exponents:
    return Exponents(*(round(float(power), 2) for power in exponents))


def fit_pair(predictions: Path, temperatures: Exponents, *, without: str = "") -> PairExponents:
    """Fit a pair with these `temperatures`, for new speakers and for known ones.

    Fitted on the saved predictions: the pair's own on its validation, and those of the same training on corpora that
    were left out. The shipped pair's test speakers are excluded, and so is everybody in corpus `without`. Raises
    MediaError when the pair's own predictions or a distance are missing; other missing files are skipped.
    """

    def paths(kind: str, *, known: bool) -> tuple[Path, Path]:
        return predictions / f"voice-{kind}.npz", predictions / f"prosody-{kind}{'' if known else '-stranger'}.npz"

    def voices(kind: str, *, known: bool) -> Voices:
        picture, prosody = (load_predictions(path) for path in paths(kind, known=known))
        picture = picture.select(_select_fit_rows(picture, without))
        prosody_logits = align_logits(prosody, picture) / temperatures.prosody
        distance = load_distances(predictions / f"distance-{kind}.npz").select(picture, known=known)
        return Voices(
            log_softmax(picture.logits / temperatures.picture), log_softmax(prosody_logits), picture.truth, distance
        )

    def kinds(*, known: bool) -> list[Voices]:
        names = [f"without-{out}-{corpus}" for out, corpus in NEW_CORPORA if out != without]
        existing = [kind for kind in names if all(path.exists() for path in paths(kind, known=known))]
        return [voices(kind, known=known) for kind in ("validation", *existing)]

    return fit_near_far(kinds(known=False), kinds(known=True))


def _select_fit_rows(p: Predictions, without: str) -> npt.NDArray[np.bool_]:
    """(n,): excludes the shipped pair's test speakers and the corpus that is left out."""
    is_test = [group.split()[0] in TEST for group in p.groups.tolist()]
    is_left_out = [bool(without) and corpus.split("_")[0] == without for corpus in p.corpora.tolist()]
    return ~(np.array(is_test, bool) | np.array(is_left_out, bool))


def multiply(
    first: Predictions, second: Predictions, exponents: NearFar, temperatures: Exponents, like_learnt: Floats
) -> Predictions:
    """Combine two networks' predictions for the same clips: the product of their probabilities, each to its exponent.

    `like_learnt` (n,), 0..1, says how near each clip is. Raises MediaError when the clips differ.
    """
    picture = log_softmax(first.logits / temperatures.picture)
    prosody = log_softmax(align_logits(second, first) / temperatures.prosody)
    near = like_learnt[:, None]
    logs = zip(exponents.near, exponents.far, (picture, prosody), strict=True)
    both = sum((near * at_near + (1 - near) * at_far) * values for at_near, at_far, values in logs)
    return replace(first, logits=np.asarray(both, np.float32))


def cross_fit(first: Predictions, second: Predictions, parts: Strings) -> Predictions:
    """Combine two networks' predictions; each of `parts` (n,) gets exponents fitted on the other parts."""
    own, other = log_softmax(first.logits), log_softmax(align_logits(second, first))
    both = np.empty_like(own)
    for part in np.unique(parts):
        here = parts == part
        a, b = fit_exponents(Voices(own[~here], other[~here], first.truth[~here]))
        both[here] = a * own[here] + b * other[here]
    return replace(first, logits=both)


def join_by_halves(first: Predictions, second: Predictions) -> Predictions:
    """`cross_fit` for a random split: even and odd clips get each other's exponents."""
    return cross_fit(first, second, np.array([str(row % 2) for row in range(len(first.truth))]))


def pair_up(models: Path, predictions: Path) -> PairExponents:
    """Fit the pair on the saved predictions and write both cards in `models`.

    Raises MediaError when the predictions on validation or a distance are missing, and ModelError when `prosody`'s card
    has no training distribution.
    """
    picture, prosody = Model("voice", models), Model("prosody", models)
    training = prosody.card.training
    if training is None:
        raise ModelError(f"{models}/prosody.json: has no training distribution: python -m convert distances")
    temperatures = Exponents(picture.card.temperature, prosody.card.temperature)
    exponents = fit_pair(predictions, temperatures)
    first = load_predictions(predictions / "voice-validation.npz")
    second = load_predictions(predictions / "prosody-validation-stranger.npz")
    distance = load_distances(predictions / "distance-validation.npz").select(first, known=False)
    like_learnt = likeness(distance, exponents.half_at, training.width)
    combined = multiply(first, second, exponents.new, temperatures, like_learnt)
    changed = {
        "training": msgspec.structs.replace(training, half_at=exponents.half_at),
        "neutral_prior": fit_neutral_prior(softmax(combined.logits), second.truth),
    }
    for model, at, more in ((picture, 0, {}), (prosody, 1, changed)):
        (near, far), (near_known, far_known) = exponents.new, exponents.known
        powers = {"power": near[at], "power_adapted": near_known[at]}
        powers |= {"power_far": far[at], "power_adapted_far": far_known[at]}
        card = msgspec.structs.replace(model.card, **powers, format=FORMAT, **more)
        write_pair(models, (models / f"{card.name}.tflite").read_bytes(), card)
    return exponents

"""How a voice usually sounds here: what `prosody` is set against, learnt by listening, kept as a few numbers."""

import hashlib
import logging
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.system.state_file import StateFile

_log = logging.getLogger(__name__)

PRIOR = 5.0
"""So many utterances weighs what is known of voices in general, against those that were heard here."""
MAX_WEIGHT = 300.0
"""So many utterances weighs all that was heard: older ones fade, and a household that changes is learnt anew."""
_FARTHEST = 4.0
"""In deviations: one broken window must not shout all others down."""


class SpeakerStats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is kept of all the voices: two rows of numbers and one; no word and no person can be told from these."""

    weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)]
    """How many utterances it stands for."""
    mean: tuple[float, ...]
    square: tuple[float, ...]
    """The mean of the squares, counted from the general centre."""
    network: str = ""
    """By whose centre and spread these were counted: to another network they say nothing."""
    distance: Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None = None
    """How far they are from what the networks learnt from, as a root mean square; where that was measured."""


class SpeakerBaseline:
    """Turns `prosody`'s numbers into deviations from what is usual, and learns what that is.

    Nobody tells it who speaks or how they feel: normalization by the speaker, without labels, as in Schuller et al.
    2010, "Cross-corpus acoustic emotion recognition: variances and strategies".
    """

    def __init__(self, centre: tuple[float, ...], spread: tuple[float, ...], heard: SpeakerStats | None = None) -> None:
        """`centre` and `spread` (k,) of voices in general, from the card; `heard` where something was kept."""
        self._centre = np.array(centre, np.float64)
        self._spread = np.maximum(np.array(spread, np.float64), 1e-6)
        self._network = hashlib.sha256(np.array([centre, spread], np.float64).tobytes()).hexdigest()[:16]
        self._weight = 0.0
        self._mean = np.zeros(len(self._centre))
        self._square = np.zeros(len(self._centre))
        self._distance: float | None = None
        if heard is None:
            return
        if heard.network != self._network or not len(heard.mean) == len(heard.square) == len(centre):
            _log.info("another network listened here before: the voices are learnt anew")
        else:
            self._weight = heard.weight
            self._mean, self._square = np.array(heard.mean), np.array(heard.square)
            self._distance = heard.distance

    def deviations(self, numbers: Floats) -> Floats:
        """(k,) -> (1, k) float32: how far from the usual, in deviations, within four."""
        return deviations(numbers, *self._usual())[None]

    def distance(self, of: float) -> float:
        """Of an utterance so far from what was learnt: the better the voices here are known, the more it is theirs."""
        return of if self._distance is None else float(among(of, self._distance, self.known))

    def learn(self, numbers: Floats, weight: float = 1.0, distance: float | None = None) -> None:
        """Another utterance (k,), so far from what was learnt; `weight` under 1 for windows that overlap."""
        away = (numbers - self._centre) / self._spread
        away = np.clip(away, -_FARTHEST, _FARTHEST)
        total = min(self._weight + weight, MAX_WEIGHT)
        share = weight / total
        self._mean += share * (away - self._mean)
        self._square += share * (away**2 - self._square)
        if distance is not None:
            # Where none was measured before, voices were heard by a Mien that did not: this one stands for them.
            before = distance if self._distance is None else self._distance
            self._distance = float(among(distance, before, 1 - share))
        self._weight = total

    @property
    def known(self) -> float:
        """0..1: how much of what is usual was heard here, and not taken from voices in general."""
        return self._weight / (self._weight + PRIOR)

    @property
    def heard(self) -> SpeakerStats:
        """What is to be kept."""
        return SpeakerStats(
            self._weight, tuple(self._mean.tolist()), tuple(self._square.tolist()), self._network, self._distance
        )

    def _usual(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """(centre, spread) of the voices here: the general one and those that were heard, by their weights."""
        own = self.known
        mean = own * self._mean
        square = own * self._square + (1 - own)
        spread = np.sqrt(np.maximum(square - mean**2, 1e-4))
        return self._centre + mean * self._spread, spread * self._spread


def deviations(numbers: Floats, centre: npt.NDArray[np.floating], spread: npt.NDArray[np.floating]) -> Floats:
    """(..., k): how far `numbers` lie from `centre`, in `spread`s, clipped to four; training shares it."""
    away = np.clip((numbers - centre) / spread, -_FARTHEST, _FARTHEST)
    return np.asarray(away, np.float32)


def among(distance: Floats | float, here: Floats | float, known: Floats | float) -> Floats:
    """Root mean squares of an utterance's `distance` and of those that were heard `here`, which are so well `known`.

    Whether voices are like those that were learnt from is seen better in many utterances than in one.
    """
    return np.asarray(np.sqrt(known * np.square(here) + (1 - known) * np.square(distance)), np.float32)


def speaker_stats_file(path: Path) -> StateFile[SpeakerStats]:
    """The file that stores how the voices here sound."""
    return StateFile(path, SpeakerStats, "the voices here are learnt anew")

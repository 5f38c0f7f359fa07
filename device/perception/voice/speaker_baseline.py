"""How the voices here usually sound, as a few numbers. `prosody` is compared with them, and they adapt by listening."""

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
"""How many utterances the general statistics of voices count for."""
MAX_WEIGHT = 300.0
"""The maximum weight of all utterances here. Old ones fade, so that the baseline follows a changing household."""
_MAX_DEVIATION = 4.0
"""In standard deviations, so that one broken window does not outweigh the others."""


class SpeakerStats(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is stored about the voices here. Neither words nor a person can be recovered from it."""

    weight: Annotated[float, msgspec.Meta(ge=0, le=1e6)]
    """How many utterances it stands for."""
    mean: tuple[float, ...]
    square: tuple[float, ...]
    """The mean of the squares, relative to the general centre."""
    network: str = ""
    """Identifies the centre and spread that the statistics are relative to; no other network can use them."""
    distance: Annotated[float, msgspec.Meta(ge=0, le=1e6)] | None = None
    """The utterances' distance from the training data, as a root mean square; None if it was not measured."""


class SpeakerBaseline:
    """Learns how the voices here usually sound, and turns the numbers of `prosody` into deviations from that.

    It is not told who speaks or how they feel: speaker normalization without labels, as in Schuller et al. 2010,
    "Cross-corpus acoustic emotion recognition: variances and strategies".
    """

    def __init__(self, centre: tuple[float, ...], spread: tuple[float, ...], stats: SpeakerStats | None = None) -> None:
        """`centre` and `spread` (k,) of voices in general, from the card; `stats`: those stored earlier, if any."""
        self._centre = np.array(centre, np.float64)
        self._spread = np.maximum(np.array(spread, np.float64), 1e-6)
        self._network = hashlib.sha256(np.array([centre, spread], np.float64).tobytes()).hexdigest()[:16]
        self._weight = 0.0
        self._mean = np.zeros(len(self._centre))
        self._square = np.zeros(len(self._centre))
        self._distance: float | None = None
        if stats is None:
            return
        if stats.network != self._network or not len(stats.mean) == len(stats.square) == len(centre):
            _log.info("the stored voices belong to another network: the voices here are learned again")
        else:
            self._weight = stats.weight
            self._mean, self._square = np.array(stats.mean), np.array(stats.square)
            self._distance = stats.distance

    def deviations(self, numbers: Floats) -> Floats:
        """(k,) -> (1, k) float32: standard deviations from the baseline, at most four.

        The baseline is voices in general and those heard here, by their weights.
        """
        share = self.adaptation
        mean = share * self._mean
        square = share * self._square + (1 - share)
        spread = np.sqrt(np.maximum(square - mean**2, 1e-4))
        return deviations(numbers, self._centre + mean * self._spread, spread * self._spread)[None]

    def distance(self, utterance: float) -> float:
        """An utterance's distance from the training data, blended with that of the voices here."""
        return (
            utterance if self._distance is None else float(blend_distances(utterance, self._distance, self.adaptation))
        )

    def learn(self, numbers: Floats, weight: float = 1.0, distance: float | None = None) -> None:
        """Add an utterance (k,) at a `distance` from the training data; `weight` below 1 for windows that overlap."""
        away = np.clip((numbers - self._centre) / self._spread, -_MAX_DEVIATION, _MAX_DEVIATION)
        total = min(self._weight + weight, MAX_WEIGHT)
        share = weight / total
        self._mean += share * (away - self._mean)
        self._square += share * (away**2 - self._square)
        if distance is not None:
            # Stats of an older Mien have no distance: this one then stands for all of them.
            before = distance if self._distance is None else self._distance
            self._distance = float(blend_distances(distance, before, 1 - share))
        self._weight = total

    @property
    def adaptation(self) -> float:
        """0..1: the share of the baseline that comes from the voices here instead of from voices in general."""
        return self._weight / (self._weight + PRIOR)

    @property
    def stats(self) -> SpeakerStats:
        """The statistics to store."""
        return SpeakerStats(
            self._weight, tuple(self._mean.tolist()), tuple(self._square.tolist()), self._network, self._distance
        )


def deviations(numbers: Floats, centre: npt.NDArray[np.floating], spread: npt.NDArray[np.floating]) -> Floats:
    """(..., k): how many `spread`s `numbers` are from `centre`, clipped to four; training uses it, too."""
    away = np.clip((numbers - centre) / spread, -_MAX_DEVIATION, _MAX_DEVIATION)
    return np.asarray(away, np.float32)


def blend_distances(distance: Floats | float, here: Floats | float, adaptation: Floats | float) -> Floats:
    """The root mean square of an utterance's `distance` and that of the voices `here`, by their `adaptation`.

    Many utterances show better than one how far voices are from the training data.
    """
    return np.asarray(np.sqrt(adaptation * np.square(here) + (1 - adaptation) * np.square(distance)), np.float32)


def speaker_stats_file(path: Path) -> StateFile[SpeakerStats]:
    """The file that stores how the voices here sound."""
    return StateFile(path, SpeakerStats, "the voices here are learned again")

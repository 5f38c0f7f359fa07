"""How far an utterance lies from those that the voice networks learnt from.

A network is as sure of what is unlike anything that it learnt from as of the rest, and more often wrong: people of
another corpus, recorded otherwise, who say other sentences. How far away they are can be measured, and it is told by
how much less the networks are to be believed.
"""

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.models.card import TrainingDistribution
from device.perception.voice.speaker_baseline import deviations


class NoveltyDetector:
    """What was learnt, as a Gaussian in its principal subspace: utterances are told apart by Mahalanobis distance.

    Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples and adversarial attacks".
    """

    def __init__(self, learnt: TrainingDistribution, centre: npt.ArrayLike, spread: npt.ArrayLike) -> None:
        """All three from one card; `centre` and `spread` (k,) are of voices in general, whoever was heard here."""
        self._centre, self._spread = np.array(centre, np.float32), np.maximum(np.array(spread, np.float32), 1e-6)
        self._mean = np.array(learnt.mean, np.float32)
        self._axes = np.frombuffer(learnt.axes, "<f2").reshape(len(self._mean), -1).astype(np.float32)
        self._half_at, self._width = learnt.half_at, learnt.width

    def distance(self, numbers: Floats) -> Floats:
        """(..., k) as `prosody` gives them -> (...,): the root of the mean square along the axes, about 1 if learnt."""
        away = deviations(numbers, self._centre, self._spread) @ self._axes.T - self._mean
        return np.asarray(np.sqrt(np.square(away).mean(axis=-1)), np.float32)

    def likeness(self, distance: float) -> float:
        """0..1 of what is so far away: 1 amid what was learnt, a half where the card says."""
        return float(likeness(np.float32(distance), self._half_at, self._width))


def likeness(distance: Floats | np.float32, half_at: float, width: float) -> Floats:
    """(...,) distances -> 0..1, falling from 1 to 0 about `half_at`; training shares it."""
    return np.asarray(1 / (1 + np.exp(np.clip((distance - half_at) / width, -30, 30))), np.float32)

"""How far an utterance is from the training data of the voice networks.

On input unlike its training data, a network is just as confident, but more often wrong. Such input comes from people
of another corpus, who were recorded differently and say other sentences. Its distance from the training data can be
measured, and reduces the confidence of the networks.
"""

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.models.card import TrainingDistribution
from device.perception.voice.speaker_baseline import deviations


class NoveltyDetector:
    """Mahalanobis distance to the training data, seen as a Gaussian in its principal subspace.

    See Lee et al. 2018, "A simple unified framework for detecting out-of-distribution samples and adversarial attacks".
    """

    def __init__(self, training: TrainingDistribution, centre: npt.ArrayLike, spread: npt.ArrayLike) -> None:
        """All come from one card. `centre` and `spread` (k,) describe voices in general, not a speaker baseline."""
        self._centre, self._spread = np.array(centre, np.float32), np.maximum(np.array(spread, np.float32), 1e-6)
        self._mean = np.array(training.mean, np.float32)
        self._axes = np.frombuffer(training.axes, "<f2").reshape(len(self._mean), -1).astype(np.float32)
        self._half_at, self._width = training.half_at, training.width

    def distance(self, numbers: Floats) -> Floats:
        """(..., k) from `prosody` -> (...,): the root mean square along the axes, about 1 for training data."""
        away = deviations(numbers, self._centre, self._spread) @ self._axes.T - self._mean
        return np.asarray(np.sqrt(np.square(away).mean(axis=-1)), np.float32)

    def likeness(self, distance: float) -> float:
        """0..1 at a distance: 1 in the middle of the training data, 0.5 at the distance given in the card."""
        return float(likeness(np.float32(distance), self._half_at, self._width))


def likeness(distance: Floats | np.float32, half_at: float, width: float) -> Floats:
    """(...,) distances -> 0..1, falling from 1 to 0 around `half_at`; training uses it, too."""
    return np.asarray(1 / (1 + np.exp(np.clip((distance - half_at) / width, -30, 30))), np.float32)

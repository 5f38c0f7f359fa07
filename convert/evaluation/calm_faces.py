"""Measures how often a calm face is classified as angry or sad, which would change a room's light for no reason."""

import numpy as np
import numpy.typing as npt

from device.emotions import EMOTIONS, Emotion, Floats

_NEUTRAL = EMOTIONS.index(Emotion.NEUTRAL)
_ANGRY_OR_SAD = [EMOTIONS.index(Emotion.ANGRY), EMOTIONS.index(Emotion.SAD)]


def calm_misread(probabilities: Floats, labels: npt.NDArray[np.int64], threshold: float) -> float:
    """Per cent of the neutral rows of probabilities (n, 7) that are classified as angry or sad at the threshold."""
    calm = probabilities[labels == _NEUTRAL]
    is_misread = np.isin(calm.argmax(axis=1), _ANGRY_OR_SAD) & (calm.max(axis=1) >= threshold)
    return 100 * float(is_misread.mean()) if len(calm) else 0.0

"""The vocabulary: seven emotions in FER2013's order, probability vectors over them, valence and arousal."""

from enum import StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Emotion(StrEnum):
    """The seven emotions that a network can read, and `unknown`, which only a mood can be."""

    ANGRY = "angry"
    DISGUST = "disgust"
    FEAR = "fear"
    HAPPY = "happy"
    SAD = "sad"
    SURPRISE = "surprise"
    NEUTRAL = "neutral"
    UNKNOWN = "unknown"


EMOTIONS: tuple[Emotion, ...] = tuple(e for e in Emotion if e is not Emotion.UNKNOWN)
"""Index i of every probability vector is EMOTIONS[i]."""

NO_SPEECH = "no_speech"
"""A class of the voice networks beside the seven: what is heard is nobody's voice."""

# Valence and arousal in -1..1. The corner points follow the circumplex of Russell (1980), "A circumplex
# model of affect"; the magnitudes are the project's choice, neutral being the origin.
_VALENCE = np.array([-0.6, -0.65, -0.6, 0.85, -0.75, 0.1, 0.0], np.float32)
_AROUSAL = np.array([0.75, 0.3, 0.75, 0.45, -0.5, 0.8, 0.0], np.float32)


def uniform() -> Floats:
    """The vector that says nothing: (7,) float32, each 1/7."""
    return np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities of `logits` (..., n) float32 after division by `temperature` (> 0; 1 changes nothing).

    Source of the temperature: Guo et al. 2017, "On calibration of modern neural networks".
    """
    scaled = logits / temperature
    powers = np.exp(scaled - np.maximum.reduce(scaled, axis=-1, keepdims=True))
    return np.asarray(powers / np.add.reduce(powers, axis=-1, keepdims=True), np.float32)


def top(probabilities: Floats) -> Emotion:
    """The emotion that a (7,) vector gives the most to."""
    return EMOTIONS[int(probabilities.argmax())]


def as_dict(probabilities: Floats) -> dict[str, float]:
    """A (7,) vector as {"angry": 0.01, ...}, rounded to four places, for JSON."""
    return {e.value: round(float(p), 4) for e, p in zip(EMOTIONS, probabilities, strict=True)}


def valence_arousal(probabilities: Floats) -> tuple[float, float]:
    """Expected (valence, arousal), each -1..1, of a (7,) vector."""
    return float(probabilities @ _VALENCE), float(probabilities @ _AROUSAL)

"""The emotions in FER2013's order, vectors of their probabilities, and their valence and arousal."""

from enum import StrEnum
from typing import Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]


class Emotion(StrEnum):
    """What a network can read in a face or a voice, and `unknown`, which only a mood can be.

    Valence and arousal are -1..1. Their signs follow the circumplex of Russell (1980), "A circumplex model of affect";
    their sizes are the project's choice, with neutral at the origin.
    """

    _value_: str
    adjective: str
    """For a person who feels it."""
    valence: float
    arousal: float

    def __new__(cls, name: str, adjective: str = "", valence: float = 0.0, arousal: float = 0.0) -> Self:
        """The name alone is the value, in JSON and everywhere else."""
        member = str.__new__(cls, name)
        member._value_ = name
        member.adjective, member.valence, member.arousal = adjective, valence, arousal
        return member

    ANGRY = "angry", "angry", -0.6, 0.75
    DISGUST = "disgust", "disgusted", -0.65, 0.3
    FEAR = "fear", "fearful", -0.6, 0.75
    HAPPY = "happy", "happy", 0.85, 0.45
    SAD = "sad", "sad", -0.75, -0.5
    SURPRISE = "surprise", "surprised", 0.1, 0.8
    NEUTRAL = "neutral", "neutral", 0.0, 0.0
    UNKNOWN = "unknown", "unknown"


EMOTIONS: tuple[Emotion, ...] = tuple(e for e in Emotion if e is not Emotion.UNKNOWN)
"""Index i of every probability vector is EMOTIONS[i]."""

NO_SPEECH = "no_speech"
"""The class that voice networks have beside the emotions: this sound is not a voice."""

_VALENCE = np.array([emotion.valence for emotion in EMOTIONS], np.float32)
_AROUSAL = np.array([emotion.arousal for emotion in EMOTIONS], np.float32)


def uniform() -> Floats:
    """The vector that favours no emotion: (7,) float32, each 1/7."""
    return np.full(len(EMOTIONS), 1 / len(EMOTIONS), np.float32)


def softmax(logits: Floats, temperature: float = 1.0) -> Floats:
    """Probabilities from `logits` (..., n) float32, divided by `temperature` (> 0; 1 changes nothing).

    Source of the temperature: Guo et al. 2017, "On calibration of modern neural networks".
    """
    scaled = logits / temperature
    powers = np.exp(scaled - np.maximum.reduce(scaled, axis=-1, keepdims=True))
    return np.asarray(powers / np.add.reduce(powers, axis=-1, keepdims=True), np.float32)


def top(probabilities: Floats) -> Emotion:
    """The likeliest emotion of a (7,) vector."""
    return EMOTIONS[int(probabilities.argmax())]


def as_dict(probabilities: Floats) -> dict[str, float]:
    """A (7,) vector as {"angry": 0.01, ...}, rounded to four places, for JSON."""
    return {e.value: round(float(p), 4) for e, p in zip(EMOTIONS, probabilities, strict=True)}


def valence_arousal(probabilities: Floats) -> tuple[float, float]:
    """Expected (valence, arousal), each -1..1, of a (7,) vector."""
    return float(probabilities @ _VALENCE), float(probabilities @ _AROUSAL)

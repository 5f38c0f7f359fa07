"""How familiar a face looks to the face network, and what that does to its confidence.

A network is hardly less confident on a drawing, or on a face that is covered, blurred or turned, than on the faces that
it was trained on, but it is wrong far more often. Its logits as a whole are weaker there. Their log-sum-exp (Liu et al.
2020, "Energy-based out-of-distribution detection") tells such pictures better than the confidence does, and costs
nothing. docs/REPORT.md has the numbers.
"""

import numpy as np

from device.emotions import Floats, softmax
from device.perception.models.card import Card, Familiarity


def response(logits: Floats) -> Floats:
    """(..., k) logits -> (...,): their log-sum-exp, high for inputs like the training data."""
    largest = logits.max(axis=-1)
    return np.asarray(largest + np.log(np.exp(logits - largest[..., None]).sum(axis=-1)), np.float32)


def likeness(logits: Floats, familiarity: Familiarity) -> Floats:
    """(..., k) logits -> (...,) 0..1: 1 for inputs like the training data, 0.5 at `familiarity.half_at`."""
    steps = (response(logits) - familiarity.half_at) / familiarity.width
    return np.asarray(1 / (1 + np.exp(-np.clip(steps, -30, 30))), np.float32)


def face_probabilities(logits: Floats, card: Card) -> Floats:
    """(..., k) logits of the face network -> calibrated probabilities (..., k), nearly equal for an unfamiliar face.

    A card without `familiarity` takes every face for a familiar one.
    """
    if card.familiarity is None:
        return softmax(logits, card.temperature)
    power = card.familiarity.power
    powers = power + (1 - power) * likeness(logits, card.familiarity)
    return softmax(np.asarray(powers[..., None] * logits, np.float32), card.temperature)

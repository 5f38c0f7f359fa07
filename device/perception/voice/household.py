"""What is usual here: how far a household's readings lie from those of all voices, for reasons other than mood.

People and microphones shift the logits of a head, each in its own way. The mean of a household's logits would show the
shift, but also how its people have felt: who was sad for an evening would be read as neutral the next day. So from each
utterance is first subtracted what its own reading explains, and only the rest is learned. Where moods change, what they
explain cancels out, and the offset is that of the voices; where one mood lasts, it stays explained, and is kept.

This is expectation maximization for a mixture whose components (the emotions) all move together, in its stochastic
form (Cappé and Moulines 2009). It needs no more than a few numbers, from which neither words nor a person can be
recovered.
"""

from dataclasses import dataclass, field

import numpy as np

from device.emotions import Floats, softmax

PRIOR = 15.0
"""How many utterances voices in general count for. With 5, a lasting mood loses three points more in 20 utterances."""
EXPLAINED = 1.25
"""How much of an utterance its reading explains. With 1, one lasting mood is still erased where voices are very strange
(RAVDESS left out: -7 points after 20 utterances, -4 with 1.25); with 1.5, changing moods gain less."""
MAX_WEIGHT = 300.0
"""The maximum weight of all utterances: old ones fade, so that the offset follows a household that changes."""


@dataclass(frozen=True)
class Tendencies:
    """How the logits of a head lie in general."""

    centre: Floats
    """(classes,): their mean, all emotions and speakers counting equally."""
    by_emotion: Floats
    """(classes, classes): how far those of each emotion (row) lie from a speaker's mean, on average."""
    temperature: float = 1.0


@dataclass
class HouseholdOffset:
    """The offset of one household, learned utterance by utterance."""

    tendencies: Tendencies
    weight: float = 0.0
    """How many utterances it stands for."""
    mean: Floats = field(init=False)

    def __post_init__(self) -> None:
        self.mean = np.zeros_like(self.tendencies.centre)

    @property
    def offset(self) -> Floats:
        """(classes,): what to subtract from the logits."""
        return np.asarray(self.mean * (self.weight / (self.weight + PRIOR)), np.float32)

    def learn(self, logits: Floats, weight: float = 1.0) -> None:
        """Add an utterance (classes,); `weight` below 1 for windows that overlap."""
        reading = softmax(logits - self.offset, self.tendencies.temperature)
        rest = logits - self.tendencies.centre - EXPLAINED * (reading @ self.tendencies.by_emotion)
        self.weight = min(self.weight + weight, MAX_WEIGHT)
        self.mean = np.asarray(self.mean + (rest - self.mean) * (weight / self.weight), np.float32)

"""The face network's predictions by sex, age and ethnicity: shares of angry, sad, neutral and happy."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convert.datasets.pictures.people import People
from device.emotions import EMOTIONS, Emotion, Floats

REPORTED = (Emotion.ANGRY, Emotion.SAD, Emotion.NEUTRAL, Emotion.HAPPY)
GROUPINGS = ("sex", "age", "ethnicity")


@dataclass(frozen=True)
class GroupShares:
    """One group: its number of pictures, and the per cent classified as each of SAID at the threshold."""

    grouping: str
    group: str
    count: int
    shares: dict[str, float]

    @property
    def angry_or_sad(self) -> float:
        """Per cent."""
        return self.shares[Emotion.ANGRY.value] + self.shares[Emotion.SAD.value]


def share_by_group(people: People, probabilities: Floats, threshold: float) -> list[GroupShares]:
    """Each group's shares; `probabilities` (n, 7) are of `people`. Pictures below `threshold` count as no emotion."""
    predicted = np.where(probabilities.max(axis=1) >= threshold, probabilities.argmax(axis=1), -1)
    columns = {"sex": people.sexes, "age": people.age_bands, "ethnicity": people.ethnicities}
    found = []
    for grouping in GROUPINGS:
        for group in _in_order(columns[grouping]):
            own = predicted[columns[grouping] == group]
            shares = {e.value: 100 * float((own == EMOTIONS.index(e)).mean()) for e in REPORTED}
            found.append(GroupShares(grouping, group, len(own), shares))
    return found


def largest_difference(groups: list[GroupShares], grouping: str) -> float:
    """Points between the groups of `grouping` that are most and least often classified as angry or sad."""
    own = [each.angry_or_sad for each in groups if each.grouping == grouping]
    return max(own) - min(own)


def _in_order(groups: npt.NDArray[np.str_]) -> list[str]:
    """Ages by their first number, everything else by name."""
    names = sorted(set(groups.tolist()))
    return sorted(names, key=lambda name: int(name.split("–")[0].split()[0])) if names[0][:1].isdigit() else names

"""What listening to a household costs whom: people of one lasting mood, and people whose moods change.

Each speaker of a left-out corpus is a household of one; households of two to four are drawn from the speakers of one
corpus. One person is angry, happy or sad for the first 5, 20 and 60 utterances. Then the same mood is read from other
clips of theirs, with what was learned and without. Beside it all clips of the household are read after 60 utterances of
all moods.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from convert.evaluation.metrics import recall
from convert.evaluation.predictions import Ints
from device.emotions import EMOTIONS, Floats
from device.perception.voice.household import HouseholdOffset, Tendencies

LENGTHS = (5, 20, 60)
_MOODS = tuple(EMOTIONS.index(e) for e in EMOTIONS if e in ("angry", "happy", "sad"))
_MIN_CLIPS = 4


@dataclass(frozen=True)
class HouseholdScore:
    """Differences to not listening, in points."""

    one_mood: tuple[float, ...]
    """By LENGTHS: the change of the recall of somebody's lasting mood."""
    changing: float
    """The change of the unweighted average recall of people whose moods change."""
    households: int


def measure_households(
    logits: Floats,
    labels: Ints,
    speakers: npt.NDArray[np.str_],
    tendencies: Tendencies,
    *,
    people: Sequence[int] = (1, 2, 3, 4),
    draws: int = 20,
    seed: int = 0,
) -> HouseholdScore:
    """Measure a head's logits (n, classes) for test clips with (n,) labels and speakers.

    `draws`: how many households of each size are drawn.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(speakers)
    lasting: list[list[float]] = []
    truths, before, after, count = [], [], [], 0
    for size in people:
        if size > len(names):
            continue
        for _ in range(draws):
            members = rng.choice(names, size, replace=False)
            home = np.flatnonzero(np.isin(speakers, members))
            count += 1
            household = _listen(logits, rng.choice(home, LENGTHS[-1]), tendencies)[LENGTHS[-1]]
            truths.append(labels[home])
            before.append(logits[home].argmax(axis=1))
            after.append((logits[home] - household).argmax(axis=1))
            own = np.flatnonzero(speakers == members[0])
            for mood in _MOODS:
                clips = rng.permutation(own[labels[own] == mood])
                if len(clips) < _MIN_CLIPS:
                    continue
                past, tested = clips[: len(clips) // 2], clips[len(clips) // 2 :]
                offsets = _listen(logits, rng.choice(past, LENGTHS[-1]), tendencies)
                without = float((logits[tested].argmax(axis=1) == mood).mean())
                lasting.append(
                    [
                        100 * (float(((logits[tested] - offsets[n]).argmax(axis=1) == mood).mean()) - without)
                        for n in LENGTHS
                    ]
                )
    truth = np.concatenate(truths)
    changing = recall(np.concatenate(after), truth) - recall(np.concatenate(before), truth)
    return HouseholdScore(tuple(np.mean(lasting, axis=0).tolist()), changing, count)


def _listen(logits: Floats, utterances: Ints, tendencies: Tendencies) -> dict[int, Floats]:
    """The offset after each of LENGTHS of the `utterances`, in order."""
    household, offsets = HouseholdOffset(tendencies), {}
    for number, row in enumerate(utterances, 1):
        household.learn(logits[row])
        if number in LENGTHS:
            offsets[number] = household.offset
    return offsets

"""What the teacher's own head answers to each clip: always a head that did not learn from the clip's speaker."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.evaluation.predictions import Ints
from convert.voice.teacher.heads import balanced, fit_head, one_hot
from device.emotions import Floats, softmax

_PARTS = 5


def soft_labels(
    statistics: Floats, clips: Sequence[Clip], labels: Ints, classes: int, trains: npt.NDArray[np.bool_]
) -> Floats:
    """(clips, classes) probabilities from `statistics` (clips, values), the teacher's over each clip.

    `trains` (clips,) are those whose `labels` may be known. The speakers are dealt into five parts, and each part is
    answered by a head that learnt from the other four; who does not train is answered by all five together.
    """
    corpora = np.array([clip.corpus.split("_")[0] for clip in clips])
    part = np.array([_part(clip) for clip in clips])
    groups = np.unique(corpora, return_inverse=True)[1]
    answers = np.zeros((len(clips), classes), np.float32)
    for number in range(_PARTS):
        learns = trains & (part != number)
        weights = balanced(labels[learns], groups[learns])
        head = fit_head(statistics[learns], one_hot(labels[learns], classes), weights)
        queried = softmax(head(statistics))
        answers[trains & (part == number)] = queried[trains & (part == number)]
        answers[~trains] += queried[~trains] / _PARTS
    return answers


def _part(clip: Clip) -> int:
    """The same for all clips of a speaker, in speech and song."""
    return hashlib.sha256((clip.speaker or clip.name).encode()).digest()[0] % _PARTS

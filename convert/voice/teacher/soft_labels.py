"""Soft labels for each clip from a head on the teacher, always one that did not train on the clip's speaker."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.evaluation.predictions import Ints
from convert.voice.teacher.heads import balance_weights, fit_head, one_hot
from device.emotions import Floats, softmax

_PARTS = 5


def make_soft_labels(
    statistics: Floats, clips: Sequence[Clip], labels: Ints, classes: int, trains: npt.NDArray[np.bool_]
) -> Floats:
    """(clips, classes) probabilities from `statistics` (clips, values), the teacher's statistics of each clip.

    `trains` (clips,) marks the clips whose `labels` may be used. Their speakers are split into five parts, and each
    part is predicted by a head trained on the other four. Clips that do not train get the mean of all five heads.
    """
    corpora = np.array([clip.corpus.split("_")[0] for clip in clips])
    part = np.array([_part(clip) for clip in clips])
    groups = np.unique(corpora, return_inverse=True)[1]
    soft = np.zeros((len(clips), classes), np.float32)
    for number in range(_PARTS):
        is_training = trains & (part != number)
        weights = balance_weights(labels[is_training], groups[is_training])
        head = fit_head(statistics[is_training], one_hot(labels[is_training], classes), weights)
        probabilities = softmax(head(statistics))
        soft[trains & (part == number)] = probabilities[trains & (part == number)]
        soft[~trains] += probabilities[~trains] / _PARTS
    return soft


def _part(clip: Clip) -> int:
    """The part of a clip: the same for all clips of a speaker, in speech and song."""
    return hashlib.sha256((clip.speaker or clip.name).encode()).digest()[0] % _PARTS

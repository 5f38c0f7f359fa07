"""Each clip's `prosody` numbers. In one head with the student's features they add two points.

A student captures little of the pitch and rhythm of a whole utterance, and is unreliable for voices unlike those in
training; these numbers are not. (Six folds of RAVDESS on a body that never heard it, UAR for strangers / known
speakers: 63.3 / 73.8 alone, 65.6 / 75.5 together, prosody alone 61.5 / 68.9.)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.voice.copies.clean import make_clean_copy
from convert.voice.teacher.clip_features import WindowFeatures
from convert.voice.teacher.corpora import read_clips
from device.emotions import Floats
from device.perception.audio.prosody import prosody
from device.perception.voice.classifier import WINDOW

_MAX_DEVIATION = 4.0


def load_clip_prosody(data: Path, cache: Path, corpora: Sequence[str]) -> Floats:
    """(clips, PROSODY) of the last three seconds of each unchanged clip; computed once and stored in `cache`."""
    parts = []
    for corpus in corpora:
        path = cache / f"prosody-{corpus}.npy"
        if not path.exists():
            rows = [prosody(make_clean_copy(clip, 0)[-WINDOW:]) for clip in read_clips(data, corpus, cache)]
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                np.save(file, np.stack(rows))
            partial.replace(path)
        parts.append(np.load(path))
    return np.concatenate(parts)


def join_prosody(features: WindowFeatures, numbers: Floats) -> WindowFeatures:
    """One row per clip: the mean of the student's features and `numbers` (clips, PROSODY), half of the variance each.

    Prosody's numbers have different units and are standardized; the student's features keep their relative scales.
    """
    student = features.average_by_clip(features.values)
    student = student / np.sqrt(student.var(axis=0).sum())
    deviations = (numbers - numbers.mean(axis=0)) / (numbers.std(axis=0) + 1e-6)
    deviations = np.clip(deviations, -_MAX_DEVIATION, _MAX_DEVIATION)
    deviations = deviations / np.sqrt(deviations.var(axis=0).sum())
    rows = np.concatenate([student, deviations], axis=1)
    return WindowFeatures(np.asarray(rows, np.float32), np.arange(len(student)))

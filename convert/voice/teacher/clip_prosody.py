"""The prosody of each clip, in `prosody`'s numbers: added to the student's in one head, they gain two points.

A student captures little of the pitch and rhythm of a whole utterance, and is off for voices unlike any in training;
these numbers are not. (Six folds of RAVDESS on a body that never heard it, UAR for strangers / known speakers: 63.3 /
73.8 alone, 65.6 / 75.5 together, prosody alone 61.5 / 68.9.)
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.voice.copies.clean import clean_copy
from convert.voice.teacher.clip_features import Numbers
from convert.voice.teacher.corpora import read_clips
from device.emotions import Floats
from device.perception.audio.prosody import prosody
from device.perception.voice.classifier import WINDOW

_FARTHEST = 4.0


def clip_prosody(data: Path, cache: Path, corpora: Sequence[str]) -> Floats:
    """(clips, PROSODY) of the last three seconds of each unchanged clip; computed once and kept in `cache`."""
    parts = []
    for corpus in corpora:
        path = cache / f"prosody-{corpus}.npy"
        if not path.exists():
            rows = [prosody(clean_copy(clip, 0)[-WINDOW:]) for clip in read_clips(data, corpus, cache)]
            partial = path.with_suffix(".partial")
            with partial.open("wb") as file:
                np.save(file, np.stack(rows))
            partial.replace(path)
        parts.append(np.load(path))
    return np.concatenate(parts)


def beside(sound_in: Numbers, said: Floats) -> Numbers:
    """The student's numbers averaged over each clip's windows, beside `said` (clips, PROSODY): half the variance each.

    Prosody's numbers have units of their own and are standardized; the student's keep their scales against each other.
    """
    seen = sound_in.averaged(sound_in.values)
    seen = seen / np.sqrt(seen.var(axis=0).sum())
    away = np.clip((said - said.mean(axis=0)) / (said.std(axis=0) + 1e-6), -_FARTHEST, _FARTHEST)
    away = away / np.sqrt(away.var(axis=0).sum())
    return Numbers(np.asarray(np.concatenate([seen, away], axis=1), np.float32), np.arange(len(seen)))

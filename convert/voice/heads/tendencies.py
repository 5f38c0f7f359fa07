"""How the logits of a head lie in general: what a household's offset is learned against."""

import numpy as np

from device.emotions import Floats
from device.perception.voice.household import Tendencies


def measure_tendencies(logits: Floats, labels: np.ndarray, speakers: np.ndarray, groups: np.ndarray) -> Tendencies:
    """Those of training rows (n, classes) with (n,) labels, speakers and groups (corpora); all groups count equally."""
    classes = logits.shape[1]
    # Per emotion, one row of each group. An emotion that a corpus lacks is measured on the others.
    by_label: list[list[Floats]] = [[] for _ in range(classes)]
    centres = []
    for group in np.unique(groups):
        moved: list[list[Floats]] = [[] for _ in range(classes)]
        for speaker in np.unique(speakers[groups == group]):
            own = (speakers == speaker) & (groups == group)
            means = {label: logits[own & (labels == label)].mean(axis=0) for label in np.unique(labels[own])}
            speaker_mean = np.mean([*means.values()], axis=0)
            centres.append(speaker_mean)
            for label, mean in means.items():
                moved[label].append(mean - speaker_mean)
        for label, rows in enumerate(moved):
            if rows:
                by_label[label].append(np.mean(rows, axis=0))
    by_emotion = np.stack([np.mean(rows, axis=0) if rows else np.zeros(classes) for rows in by_label])
    by_emotion -= by_emotion.mean(axis=0)
    return Tendencies(np.mean(centres, axis=0).astype(np.float32), by_emotion.astype(np.float32))

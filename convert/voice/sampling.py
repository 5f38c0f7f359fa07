"""How often each clip is drawn into a batch. Needs no PyTorch."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from device.emotions import Floats

_TESS_SHARE = 0.4
"""Half of all clips are two women saying one phrase. At a higher share, the network learns the phrase."""


def sampling_weights(clips: list[Clip], labels: npt.NDArray[np.int64], *, even: bool = False) -> Floats:
    """Sampling probabilities (n,). Emotions are balanced by the square root, so a larger corpus stays more frequent.

    `even`: all corpora are equally frequent, and so are the emotions within each.
    """
    corpora = [clip.corpus.split("_")[0] if even else clip.corpus for clip in clips]
    kinds = list(zip(corpora, labels.tolist(), strict=True))
    count, emotions = Counter(kinds), Counter(corpus for corpus, _ in set(kinds))
    if even:
        weights = np.array([1 / (count[kind] * emotions[kind[0]]) for kind in kinds])
    else:
        weights = np.array([count[kind] ** -0.5 * (_TESS_SHARE if kind[0] == "tess" else 1.0) for kind in kinds])
    return (weights / weights.sum()).astype(np.float64)

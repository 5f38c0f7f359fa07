"""How often each clip is drawn: as corpora and emotions are of very different sizes."""

from collections import Counter

import numpy as np
import numpy.typing as npt

from convert.corpora.speech import Clip
from device.emotions import Floats

_TESS_SHARE = 0.4
"""Half of all clips are two women saying one phrase: more of them teaches the phrase."""


def balance(clips: list[Clip], labels: npt.NDArray[np.int64], *, even: bool = False) -> Floats:
    """Chances (n,) that sum to 1: emotions evened out by the square root, so that a big corpus stays the bigger.

    `even`: it does not, and the emotions of a corpus are all as likely.
    """
    corpora = [clip.corpus.split("_")[0] if even else clip.corpus for clip in clips]
    kinds = list(zip(corpora, labels.tolist(), strict=True))
    count, emotions = Counter(kinds), Counter(corpus for corpus, _ in set(kinds))
    if even:
        weights = np.array([1 / (count[kind] * emotions[kind[0]]) for kind in kinds])
    else:
        weights = np.array([count[kind] ** -0.5 * (_TESS_SHARE if kind[0] == "tess" else 1.0) for kind in kinds])
    return (weights / weights.sum()).astype(np.float64)

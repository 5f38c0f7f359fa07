"""What is said, not how: each clip of SAVEE is read by those of the other men that sound most like its words.

SAVEE's four men say the same sentences, most of them in one emotion alone. Whoever is trained on three of the men, or
on three fifths of the clips, can score by that. How much is shown here without any network: spoken words are compared
by dynamic time warping (Sakoe and Chiba 1978), which is deaf to how fast they are said, and their cepstra, evened out
over each clip, nearly so to how high and how loud. None of this is shipped.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from dtaidistance import dtw_ndim
from scipy.fft import dct

from convert.datasets.clips import Clip
from convert.evaluation.predictions import Predictions, log_softmax
from convert.voice.augment import trim_silence
from convert.voice.protocols import VoiceRun
from device.emotions import EMOTIONS
from device.perception.audio.log_mel import log_mel

_CEPSTRA = 10
_SHARPNESS = 0.07
"""Both chosen by the clips of the random split that are not tested, each read by the others of them."""


def predict_words(run: VoiceRun, clips: Sequence[Clip]) -> Predictions:
    """What the words of the clips that `run` tests say, told by the clips that it trains on; of other speakers only.

    A man's own clips would tell his voice and not his words. The logits are logarithms of probabilities (n, 7).
    """
    known = [clip for clip in clips if run.trains(clip) and clip.corpus == "savee"]
    asked = [clip for clip in clips if run.tested(clip) and clip.corpus == "savee"]
    both = known + asked
    speakers = np.array([clip.speaker for clip in both])
    apart = distances([_cepstra(clip) for clip in both])
    apart[speakers[:, None] == speakers] = np.nan
    apart = apart[:, : len(known)]
    # Some clips are near to all, and are no better an answer for it.
    apart -= np.nanmean(apart[: len(known)], axis=0) + np.nanmean(apart, axis=1, keepdims=True)
    near = np.where(np.isnan(apart), -np.inf, -apart / _SHARPNESS)[len(known) :]
    emotions = np.array([clip.emotion for clip in known])
    shares = [np.logaddexp.reduce(near[:, emotions == emotion], axis=1) for emotion in range(len(EMOTIONS))]
    # What nobody known says in some emotion is next to impossible, not impossible.
    logits = np.maximum(log_softmax(np.stack(shares, axis=1)), -20).astype(np.float32)
    return Predictions(
        classes=tuple(e.value for e in EMOTIONS),
        logits=logits,
        truth=np.array([clip.emotion for clip in asked]),
        names=np.array([clip.name for clip in asked]),
        groups=np.array([f"{clip.speaker} {clip.sex}" for clip in asked]),
        corpora=np.array([clip.corpus for clip in asked]),
    )


def distances(curves: list[npt.NDArray[np.double]]) -> npt.NDArray[np.double]:
    """How far warped curves (frames, k) are from each other: (n, n), root mean square of a step."""
    upper = np.asarray(dtw_ndim.distance_matrix_fast(curves, compact=False))
    lengths = np.array([len(curve) for curve in curves])
    return np.minimum(upper, upper.T) / np.sqrt(lengths[:, None] + lengths)


def _cepstra(clip: Clip) -> npt.NDArray[np.double]:
    """(frames, 2 * _CEPSTRA): the cepstra and how they change, each of mean 0 and deviation 1 over the clip."""
    cepstra = dct(log_mel(trim_silence(clip.real)), norm="ortho", axis=1)[:, :_CEPSTRA]
    curves = np.concatenate([cepstra, np.gradient(cepstra, axis=0)], axis=1)
    return np.asarray((curves - curves.mean(axis=0)) / (curves.std(axis=0) + 1e-6), np.double)

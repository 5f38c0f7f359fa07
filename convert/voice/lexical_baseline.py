"""What the words alone reveal: each clip of SAVEE is classified by the other men's clips with the most similar words.

SAVEE's four men say the same sentences, most of them in only one emotion. A network trained on three of the men, or on
three fifths of the clips, can score by that. This measures how much, without a network: words are compared by dynamic
time warping (Sakoe and Chiba 1978), which ignores speed, on cepstra normalized per clip, which nearly ignore pitch and
loudness. It does not ship.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from dtaidistance import dtw_ndim
from scipy.fft import dct

from convert.datasets.speech.clips import Clip
from convert.evaluation.predictions import Predictions, log_softmax, predict_clips
from convert.voice.augment import trim_silence
from convert.voice.protocols import VoiceRun
from device.emotions import EMOTIONS
from device.perception.audio.log_mel import log_mel

_CEPSTRA = 10
_SHARPNESS = 0.07
"""Both chosen on the training and validation clips of the random split, each classified by the others."""


def predict_words(run: VoiceRun, clips: Sequence[Clip]) -> Predictions:
    """Predict the test clips of `run` by the words of its training clips, of other speakers only.

    A man's own clips would reveal his voice, not his words. The logits are log-probabilities (n, 7).
    """
    training = [clip for clip in clips if run.trains(clip) and clip.corpus == "savee"]
    tested = [clip for clip in clips if run.tests(clip) and clip.corpus == "savee"]
    both = training + tested
    speakers = np.array([clip.speaker for clip in both])
    distance = distances([_cepstra(clip) for clip in both])
    distance[speakers[:, None] == speakers] = np.nan
    distance = distance[:, : len(training)]
    # Some clips are close to all others; that does not make them better matches.
    distance -= np.nanmean(distance[: len(training)], axis=0) + np.nanmean(distance, axis=1, keepdims=True)
    near = np.where(np.isnan(distance), -np.inf, -distance / _SHARPNESS)[len(training) :]
    emotions = np.array([clip.emotion for clip in training])
    shares = [np.logaddexp.reduce(near[:, emotions == emotion], axis=1) for emotion in range(len(EMOTIONS))]
    # A sentence that is unknown in an emotion is very unlikely there, not impossible.
    logits = np.maximum(log_softmax(np.stack(shares, axis=1)), -20).astype(np.float32)
    return predict_clips(logits, tested)


def distances(curves: list[npt.NDArray[np.double]]) -> npt.NDArray[np.double]:
    """Distances (n, n) between warped curves (frames, k): root mean square per step."""
    upper = np.asarray(dtw_ndim.distance_matrix_fast(curves, compact=False))
    lengths = np.array([len(curve) for curve in curves])
    return np.minimum(upper, upper.T) / np.sqrt(lengths[:, None] + lengths)


def _cepstra(clip: Clip) -> npt.NDArray[np.double]:
    """(frames, 2 * _CEPSTRA): cepstra and their gradients, each with mean 0 and deviation 1 over the clip."""
    cepstra = dct(log_mel(trim_silence(clip.real)), norm="ortho", axis=1)[:, :_CEPSTRA]
    curves = np.concatenate([cepstra, np.gradient(cepstra, axis=0)], axis=1)
    return np.asarray((curves - curves.mean(axis=0)) / (curves.std(axis=0) + 1e-6), np.double)

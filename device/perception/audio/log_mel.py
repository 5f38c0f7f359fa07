"""The log-mel spectrogram. Training and the device share this code.

`log_mel` computes the same as `python_speech_features.logfbank` (a test compares them) in about half its time: it
computes the filterbank and the window once, and avoids copies.
"""

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.audio.stft import FRAME, RATE_HZ, frames, magnitudes

FFT = 512
BANDS = 40
LOW_HZ = 50.0
PREEMPHASIS = 0.97


def filterbank() -> npt.NDArray[np.float64]:
    """Triangular filters, evenly spaced in mel from LOW_HZ to half the rate: (FFT // 2 + 1, BANDS) float64.

    Source: the filterbank of python_speech_features (HTK's mel scale, edges on the bins of the transform).
    """
    mel = np.linspace(2595 * np.log10(1 + LOW_HZ / 700), 2595 * np.log10(1 + RATE_HZ / 2 / 700), BANDS + 2)
    edges = np.floor((FFT + 1) * 700 * (10 ** (mel / 2595) - 1) / RATE_HZ)
    bins = np.arange(FFT // 2 + 1)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = (bins - left) / (centre - left)
        falling = (right - bins) / (right - centre)
    inside_left = (bins >= left) & (bins < centre)
    inside_right = (bins >= centre) & (bins < right)
    return np.where(inside_left, rising, 0.0) + np.where(inside_right, falling, 0.0)


_WINDOW: Floats = np.hamming(FRAME).astype(np.float32)
_FILTERS: Floats = np.asarray(filterbank() / FFT, np.float32)


def log_mel(samples: npt.NDArray[np.floating]) -> Floats:
    """The natural logarithm of the energy in each mel band: (samples,) float at 16 kHz -> (frames, BANDS) float32."""
    return log_mel_from_magnitudes(emphasized_magnitudes(samples))


def emphasized_magnitudes(samples: npt.NDArray[np.floating]) -> Floats:
    """(samples,) -> (frames, FFT // 2 + 1) float32: magnitudes, with the weak highs lifted by PREEMPHASIS."""
    lifted = np.asarray(samples, np.float32).copy()
    lifted[1:] -= np.float32(PREEMPHASIS) * samples[:-1]
    return magnitudes(frames(lifted), _WINDOW, FFT)


def log_mel_from_magnitudes(magnitude: Floats) -> Floats:
    """`log_mel` from its `emphasized_magnitudes` magnitudes."""
    energy = np.square(magnitude) @ _FILTERS
    energy[energy == 0] = np.finfo(float).eps
    return np.log(energy, out=energy)

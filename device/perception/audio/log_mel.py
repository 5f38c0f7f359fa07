"""The log-mel spectrogram. Training and the device share this code.

`log_mel` computes the same as `python_speech_features.logfbank` (a test compares them) in about half its time: it
computes the filterbank and the window once, and avoids copies.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.audio.stft import FRAME, RATE_HZ, frames, magnitudes

FFT = 512
BANDS = 40
LOW_HZ = 50.0
PREEMPHASIS = 0.97


@lru_cache(maxsize=4)
def filterbank(
    bands: int = BANDS, fft: int = FFT, rate_hz: int = RATE_HZ, low_hz: float = LOW_HZ
) -> npt.NDArray[np.float64]:
    """Triangular filters, evenly spaced in mel from `low_hz` to half the rate: (fft // 2 + 1, bands) float64.

    Source: the filterbank of python_speech_features (HTK's mel scale, edges on the bins of the transform).
    """
    mel = np.linspace(2595 * np.log10(1 + low_hz / 700), 2595 * np.log10(1 + rate_hz / 2 / 700), bands + 2)
    edges = np.floor((fft + 1) * 700 * (10 ** (mel / 2595) - 1) / rate_hz)
    bins = np.arange(fft // 2 + 1)[:, None]
    left, centre, right = edges[:-2], edges[1:-1], edges[2:]
    with np.errstate(divide="ignore", invalid="ignore"):
        rising = (bins - left) / (centre - left)
        falling = (right - bins) / (right - centre)
    inside_left = (bins >= left) & (bins < centre)
    inside_right = (bins >= centre) & (bins < right)
    return np.where(inside_left, rising, 0.0) + np.where(inside_right, falling, 0.0)


@lru_cache(maxsize=1)
def hamming() -> Floats:
    """The window that each frame is multiplied by: (FRAME,)."""
    return np.hamming(FRAME).astype(np.float32)


@lru_cache(maxsize=1)
def _bands() -> Floats:
    return np.asarray(filterbank() / FFT, np.float32)


def log_mel(samples: npt.NDArray[np.floating]) -> Floats:
    """The natural logarithm of the energy in each mel band: (samples,) float at 16 kHz -> (frames, BANDS) float32."""
    return log_mel_from_magnitudes(emphasized_magnitudes(samples))


def emphasized_magnitudes(samples: npt.NDArray[np.floating]) -> Floats:
    """(samples,) -> (frames, FFT // 2 + 1) float32: magnitudes, with the weak highs lifted by PREEMPHASIS."""
    lifted = np.asarray(samples, np.float32).copy()
    lifted[1:] -= np.float32(PREEMPHASIS) * samples[:-1]
    return magnitudes(frames(lifted), hamming(), FFT)


def log_mel_from_magnitudes(magnitude: Floats) -> Floats:
    """`log_mel` from its `emphasized_magnitudes` magnitudes."""
    energy = np.square(magnitude) @ _bands()
    energy[energy == 0] = np.finfo(float).eps
    return np.log(energy, out=energy)

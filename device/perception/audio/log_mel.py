"""How bright and how strong each frame of sound is: the one code that training and the device share.

`log_mel` is the exact equal of `python_speech_features.logfbank` (a test holds them equal) at about half its time: the
filterbank and the window are made once, and no copy is made that framing does not need.
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
    """(FRAME,): what a frame is multiplied by."""
    return np.hamming(FRAME).astype(np.float32)


@lru_cache(maxsize=1)
def _bands() -> Floats:
    return np.asarray(filterbank() / FFT, np.float32)


def log_mel(samples: npt.NDArray[np.floating]) -> Floats:
    """Natural logarithm of the energy in each mel band: (samples,) float at 16 kHz -> (frames, BANDS) float32."""
    return log_mel_of(emphasized(samples))


def emphasized(samples: npt.NDArray[np.floating]) -> Floats:
    """(samples,) -> (frames, FFT // 2 + 1) float32: magnitudes, the highs lifted by PREEMPHASIS, as a voice's fall."""
    lifted = np.asarray(samples, np.float32).copy()
    lifted[1:] -= np.float32(PREEMPHASIS) * samples[:-1]
    return magnitudes(frames(lifted), hamming(), FFT)


def log_mel_of(magnitude: Floats) -> Floats:
    """`log_mel` from its `emphasized` magnitudes."""
    energy = np.square(magnitude) @ _bands()
    energy[energy == 0] = np.finfo(float).eps
    return np.log(energy, out=energy)

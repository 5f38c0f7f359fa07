"""Log-mel features of sound: the one code that training and the device share.

`log_mel` is the exact equal of `python_speech_features.logfbank` (a test holds them equal) at about half its
time: the filterbank and the window are made once, and no copy is made that framing does not need.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from device.emotions import Floats

RATE_HZ = 16_000
FRAME = 400
"""25 ms."""
HOP = 160
"""10 ms."""
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
def _window() -> npt.NDArray[np.float64]:
    return np.hamming(FRAME)


def frame_count(samples: int) -> int:
    """How many frames `log_mel` gives for so many samples: the last one is filled up with zeros."""
    return 1 if samples <= FRAME else 1 + -(-(samples - FRAME) // HOP)


def log_mel(samples: npt.NDArray[np.floating]) -> Floats:
    """Natural logarithm of the energy in each mel band: (samples,) float at 16 kHz -> (frames, BANDS) float32."""
    frames = frame_count(len(samples))
    padded = np.zeros((frames - 1) * HOP + FRAME)
    padded[: len(samples)] = samples
    padded[1 : len(samples)] -= PREEMPHASIS * samples[:-1]
    framed = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP] * _window()
    spectrum = np.fft.rfft(framed, FFT)
    power = (spectrum.real**2 + spectrum.imag**2) / FFT
    energy = power @ filterbank()
    return np.log(np.where(energy == 0, np.finfo(float).eps, energy)).astype(np.float32)

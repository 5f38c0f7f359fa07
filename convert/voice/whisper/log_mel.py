"""The log-mel spectrogram that Whisper reads."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.audio.stft import HOP, RATE_HZ

_FFT, _MEL_HOP, BANDS = 400, 160, 80


def log_mel(samples: Floats) -> Floats:
    """(samples,) float32 in -1..1 at 16 kHz -> (80, 2 t) float32; t = samples // HOP, two columns for a frame of 20 ms.

    As openai/whisper's audio.py: power in 80 bands of 25 ms every 10 ms, logarithm to base 10, no more than 8 under the
    clip's loudest, scaled. The clip is not padded to 30 s.
    """
    half = _FFT // 2
    padded = np.pad(samples, half, mode="reflect")
    starts = np.arange(0, len(samples) // HOP * HOP, _MEL_HOP)
    frames = padded[starts[:, None] + np.arange(_FFT)]
    window = np.hanning(_FFT + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window, axis=1)) ** 2
    logarithm = np.log10(np.maximum(power @ _filterbank(), 1e-10))
    logarithm = np.maximum(logarithm, logarithm.max() - 8.0)
    return np.ascontiguousarray(((logarithm + 4.0) / 4.0).T, np.float32)


@lru_cache(maxsize=1)
def _filterbank() -> npt.NDArray[np.float64]:
    """(201, 80): Slaney's mel filters of equal area, as librosa.filters.mel(sr=16000, n_fft=400, n_mels=80)."""
    edges_hz = _hz(np.linspace(_mel(0.0), _mel(RATE_HZ / 2), BANDS + 2))
    bins_hz = np.arange(_FFT // 2 + 1)[:, None] * RATE_HZ / _FFT
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    triangle = np.minimum((bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre))
    return np.maximum(triangle, 0.0) * (2.0 / (right - left))


_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
"""Slaney's scale is linear below this frequency and logarithmic above it."""
_STEP = np.log(6.4) / 27.0


def _mel(hz: float) -> float:
    if hz < _BREAK_HZ:
        return hz * 3.0 / 200.0
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _STEP)


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(
        mel < _BREAK_MEL, mel * 200.0 / 3.0, _BREAK_HZ * np.exp(_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    )

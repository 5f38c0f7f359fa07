"""The log-mel spectrogram that the speech encoder reads: Whisper's, 80 bands of 25 ms every 10 ms.

Training and the device share this code.
"""

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.audio.stft import HOP, RATE_HZ, magnitudes, sliding_windows

BANDS = 80
_FFT = 400
_STEP = 160
_RANGE = 8.0
"""Powers of ten: what is quieter than the loudest moment by more than this is raised to it."""
_LEVEL_DB = -25.0
"""Of the louder half of a sound: how loud it is depends on the distance and the recording, not on the mood."""
_BLOCK = 160
_BREAK_HZ, _BREAK_MEL = 1000.0, 15.0
"""Slaney's scale is linear below this frequency and logarithmic above it."""
_MEL_STEP = np.log(6.4) / 27.0


def speech_mel(samples: Floats) -> Floats:
    """(samples,) float32 in -1..1 at 16 kHz -> (2 t, BANDS) float32; t = samples // HOP, two rows for a frame of 20 ms.

    As openai/whisper's audio.py, but not padded to 30 s: the logarithm to base 10 of the power in each band, clipped at
    _RANGE under the loudest, plus four, divided by four.
    """
    padded = np.pad(np.asarray(samples, np.float32), _FFT // 2, mode="reflect")
    frames = sliding_windows(padded, _FFT, _STEP)[: len(samples) // HOP * 2]
    power = np.square(magnitudes(frames, _WINDOW, _FFT)) @ _FILTERS
    logarithm = np.log10(np.maximum(power, 1e-10, out=power), out=power)
    if len(logarithm):
        np.maximum(logarithm, logarithm.max() - _RANGE, out=logarithm)
    return np.asarray((logarithm + 4) / 4, np.float32)


def normalize_level(samples: Floats) -> Floats:
    """(n,) float32 -> the same, scaled so that the louder half of its blocks of 10 ms has the level _LEVEL_DB."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK)
    power = np.sort(np.einsum("ij,ij->i", blocks, blocks) / _BLOCK)
    loud = float(np.mean(power[len(power) // 2 :])) if len(power) else 0.0
    return np.asarray(samples * (10 ** (_LEVEL_DB / 20) / np.sqrt(loud + 1e-12)), np.float32)


def _filterbank() -> npt.NDArray[np.float64]:
    """(_FFT // 2 + 1, BANDS): Slaney's mel filters of equal area, as librosa.filters.mel(sr=16000, n_fft=400)."""
    edges_hz = _hz(np.linspace(0.0, _mel(RATE_HZ / 2), BANDS + 2))
    bins_hz = np.arange(_FFT // 2 + 1)[:, None] * RATE_HZ / _FFT
    left, centre, right = edges_hz[:-2], edges_hz[1:-1], edges_hz[2:]
    triangle = np.minimum((bins_hz - left) / (centre - left), (right - bins_hz) / (right - centre))
    return np.maximum(triangle, 0.0) * (2.0 / (right - left))


def _mel(hz: float) -> float:
    return float(_BREAK_MEL + np.log(hz / _BREAK_HZ) / _MEL_STEP) if hz > _BREAK_HZ else hz * _BREAK_MEL / _BREAK_HZ


def _hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    above = _BREAK_HZ * np.exp(_MEL_STEP * (np.maximum(mel, _BREAK_MEL) - _BREAK_MEL))
    return np.where(mel < _BREAK_MEL, mel * _BREAK_HZ / _BREAK_MEL, above)


_WINDOW: Floats = np.hanning(_FFT + 1)[:-1].astype(np.float32)
_FILTERS: Floats = _filterbank().astype(np.float32)

"""Features of sound: the one code that training and the device share.

`log_mel` says how bright and how strong a voice is in each band, `correlogram` how high and how steady. `log_mel` is
the exact equal of `python_speech_features.logfbank` (a test holds them equal) at about half its time: the filterbank
and the window are made once, and no copy is made that framing does not need.
"""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.sense.sound.spectrum import magnitudes

RATE_HZ = 16_000
FRAME = 400
"""25 ms."""
HOP = 160
"""10 ms."""
FFT = 512
BANDS = 40
LOW_HZ = 50.0
PREEMPHASIS = 0.97
PITCHES_HZ = np.geomspace(70, 500, BANDS)
"""Fundamental frequencies that `correlogram` looks for: a low man's to a shriek's, evenly spaced to the ear."""
_DECIMATION = 4
"""Pitch lies under 1.5 kHz: a quarter of the samples says as much of it, in a quarter of the time."""
_PITCH_FRAME = 640 // _DECIMATION
"""40 ms: two periods of the lowest voice and more; 25 ms would hold one and a half."""
_PITCH_FFT = 256
_TAPS = 32
_PITCH_BINS = slice(3, 96)
"""47-1,484 Hz: the harmonics that carry pitch, without hum."""


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


def frame_count(samples: int) -> int:
    """How many frames `log_mel` gives for so many samples: the last one is filled up with zeros."""
    return 1 if samples <= FRAME else 1 + -(-(samples - FRAME) // HOP)


def framed(samples: npt.NDArray[np.floating], width: int = FRAME, early: int = 0) -> Floats:
    """(frame_count, width) float32, not to be written to: each begins `early` before its HOP, with zeros around."""
    frames = frame_count(len(samples))
    padded = np.zeros((frames - 1) * HOP + width, np.float32)
    kept = samples[: len(padded) - early]
    padded[early : early + len(kept)] = kept
    return every(padded, width, HOP)[:frames]


def every(samples: Floats, width: int, step: int) -> Floats:
    """All pieces of `width` that begin at 0, `step`, 2 `step`, …: a view, (pieces, width)."""
    count = max((len(samples) - width) // step + 1, 0)
    (stride,) = samples.strides
    return np.lib.stride_tricks.as_strided(samples, (count, width), (step * stride, stride), writeable=False)


def log_mel(samples: npt.NDArray[np.floating]) -> Floats:
    """Natural logarithm of the energy in each mel band: (samples,) float at 16 kHz -> (frames, BANDS) float32."""
    emphasized = np.asarray(samples, np.float32).copy()
    emphasized[1:] -= np.float32(PREEMPHASIS) * samples[:-1]
    energy = np.square(magnitudes(framed(emphasized), hamming(), FFT)) @ _bands()
    energy[energy == 0] = np.finfo(float).eps
    return np.log(energy, out=energy)


@lru_cache(maxsize=1)
def _lag_cosines() -> npt.NDArray[np.float32]:
    """(bins, PITCHES_HZ): the inverse transform at just the lags that are wanted, fractions of a sample included."""
    bins = np.arange(_PITCH_FFT // 2 + 1)[_PITCH_BINS]
    lags = RATE_HZ / _DECIMATION / PITCHES_HZ
    return np.cos(2 * np.pi * np.outer(bins, lags) / _PITCH_FFT).astype(np.float32)


@lru_cache(maxsize=1)
def _pitch_window() -> npt.NDArray[np.float32]:
    return np.hanning(_PITCH_FRAME).astype(np.float32)


@lru_cache(maxsize=1)
def _low_pass() -> Floats:
    """A windowed sinc of 31 taps: half a decibel down at 1.4 kHz, 25 dB at 2.6 kHz, which would fold onto it.

    (_TAPS // _DECIMATION, _DECIMATION), the last one 0.
    """
    at = np.arange(1 - _TAPS // 2, _TAPS // 2)
    taps = np.sinc(at / _DECIMATION) * np.hamming(len(at))
    return np.append(taps / taps.sum(), 0).astype(np.float32).reshape(-1, _DECIMATION)


def _decimated(samples: Floats) -> Floats:
    """(n,) -> every _DECIMATION-th value of what `_low_pass` lets through, where it fits in whole; n is whole fours.

    The taps four by four, each four times all fours of the sound at once: a fifth of the time of piece by piece.
    """
    parts = _low_pass() @ samples.reshape(-1, _DECIMATION).T
    count = parts.shape[1] - len(parts) + 1
    low = parts[0, :count].copy()
    for i in range(1, len(parts)):
        low += parts[i, i : i + count]
    return low


def correlogram(samples: npt.NDArray[np.floating]) -> Floats:
    """How periodic a voice is at each of PITCHES_HZ: (samples,) float at 16 kHz -> (frames, BANDS) float32 in -1..1.

    Frames are those of `log_mel`, each 40 ms around the same middle. A ridge is the pitch, its height the voicing.
    25 ms of mel bands blur a low voice's harmonics into one: with this beside them the network hears intonation.
    The generalized autocorrelation (magnitudes compressed before the inverse transform) of Tolonen and Karjalainen
    2000, "A computationally efficient multipitch analysis model".
    """
    frames = frame_count(len(samples))
    early = (_DECIMATION * _PITCH_FRAME - FRAME + _TAPS) // 2 - 1
    padded = np.zeros((frames - 1) * HOP + _DECIMATION * (_PITCH_FRAME - 1) + _TAPS, np.float32)
    padded[early : early + len(samples)] = samples
    pieces = every(_decimated(padded), _PITCH_FRAME, HOP // _DECIMATION)
    strength = magnitudes(pieces, _pitch_window(), _PITCH_FFT)[:, _PITCH_BINS] ** np.float32(1.2)
    return np.asarray(strength @ _lag_cosines() / (strength.sum(axis=1, keepdims=True) + 1e-9), np.float32)

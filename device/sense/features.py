"""Features of sound: the one code that training and the device share.

`log_mel` says how bright and how strong a voice is in each band, `correlogram` how high and how steady. `log_mel` is
the exact equal of `python_speech_features.logfbank` (a test holds them equal) at about half its time: the filterbank
and the window are made once, and no copy is made that framing does not need.
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
PITCHES_HZ = np.geomspace(70, 500, BANDS)
"""Fundamental frequencies that `correlogram` looks for: a low man's to a shriek's, evenly spaced to the ear."""
_DECIMATION = 4
"""Pitch lies under 1.5 kHz: a quarter of the samples says as much of it, in a quarter of the time."""
_PITCH_FRAME = 640 // _DECIMATION
"""40 ms: two periods of the lowest voice and more; 25 ms would hold one and a half."""
_PITCH_FFT = 256
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
def _low_pass() -> npt.NDArray[np.float32]:
    """A windowed sinc of 31 taps: half a decibel down at 1.4 kHz, 25 dB at 2.6 kHz, which would fold onto it."""
    at = np.arange(-15, 16)
    taps = np.sinc(at / _DECIMATION) * np.hamming(31)
    return np.asarray(taps / taps.sum(), np.float32)


def correlogram(samples: npt.NDArray[np.floating]) -> Floats:
    """How periodic a voice is at each of PITCHES_HZ: (samples,) float at 16 kHz -> (frames, BANDS) float32 in -1..1.

    Frames are those of `log_mel`, each 40 ms around the same middle. A ridge is the pitch, its height the voicing.
    25 ms of mel bands blur a low voice's harmonics into one: with this beside them the network hears intonation.
    The generalized autocorrelation (magnitudes compressed before the inverse transform) of Tolonen and Karjalainen
    2000, "A computationally efficient multipitch analysis model".
    """
    frames = frame_count(len(samples))
    early = (_DECIMATION * _PITCH_FRAME - FRAME) // 2 + len(_low_pass()) // 2
    padded = np.zeros((frames - 1) * HOP + _DECIMATION * _PITCH_FRAME + len(_low_pass()), np.float32)
    padded[early : early + len(samples)] = samples
    low = np.lib.stride_tricks.sliding_window_view(padded, len(_low_pass()))[::_DECIMATION] @ _low_pass()
    hop = HOP // _DECIMATION
    framed = np.lib.stride_tricks.sliding_window_view(low, _PITCH_FRAME)[::hop][:frames] * _pitch_window()
    spectrum = np.fft.rfft(framed, _PITCH_FFT)[:, _PITCH_BINS]
    power = ((spectrum.real**2 + spectrum.imag**2) ** 0.6).astype(np.float32)
    return np.asarray(power @ _lag_cosines() / (power.sum(axis=1, keepdims=True) + 1e-9), np.float32)

"""The pitch of a voice, frame by frame: how high it is, and how far it is a tone at all."""

from functools import lru_cache

import numpy as np

from device.emotions import Floats
from device.sense.features import FRAME, RATE_HZ, every, framed
from device.sense.sound.spectrum import autocorrelation

_WIDE = 800
"""50 ms: three periods of the lowest voice."""
_FFT = 1024
"""A window and the longest lag are 1,058, but what wraps round is a Hann window's last 34 samples: under 1e-6."""
_LAGS = np.arange(27, 258)
"""In samples: 593-62 Hz."""
_OCTAVE_COST = 0.02
"""A tone repeats after two of its periods as well as after one: the shorter lag is the better guess."""
_SILENCE = 1e-9 * _FFT
"""`autocorrelation` at lag 0 is at least this."""
A1_HZ = 27.5
"""The lowest A of a piano; semitones are counted from it."""


@lru_cache(maxsize=1)
def _window() -> tuple[Floats, Floats]:
    """A Hann window, and what takes its own autocorrelation off: at _LAGS, and one more on both sides."""
    window = np.hanning(_WIDE).astype(np.float32)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, _FFT)) ** 2, _FFT)
    return window, np.asarray((own[0] / own)[_LAGS[0] - 1 : _LAGS[-1] + 2], np.float32)


@lru_cache(maxsize=1)
def _cost() -> Floats:
    return np.asarray(_OCTAVE_COST * np.log2(_LAGS / _LAGS[0]), np.float32)


def pitch(samples: Floats) -> tuple[Floats, Floats]:
    """(semitones above A1_HZ, height of the autocorrelation's peak 0..1), each (frames,) float32.

    (samples,) float at 16 kHz; the frames are those of `log_mel`, each 50 ms around the same middle. Without a
    voice the pitch is any number and the peak is low; over 500 Hz it may be an octave too low. Boersma 1993,
    "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound".
    """
    semitones, peak = tones(samples)
    return without_leaps(semitones), peak


def tones(samples: Floats) -> tuple[Floats, Floats]:
    """`pitch` of each frame for itself, with its wrong octaves."""
    window, undo = _window()
    around = autocorrelation(framed(samples, _WIDE, (_WIDE - FRAME) // 2), window, _FFT, _LAGS[-1] + 2)
    heights = around[:, _LAGS[0] - 1 :] * undo
    heights /= np.maximum(around[:, :1], _SILENCE)
    middle = heights[:, 1:-1]
    rises = heights[:, 1:] >= heights[:, :-1]
    is_peak = rises[:, :-1] & ~rises[:, 1:]
    best = np.where(is_peak, middle - _cost(), np.float32(-1)).argmax(axis=1)
    rows = np.arange(len(heights))
    left, top, right = (heights[rows, best + k] for k in range(3))
    # A parabola through the three points puts the peak between two samples.
    bend = left - 2 * top + right
    between = np.divide(0.5 * (left - right), bend, out=np.zeros_like(top), where=np.abs(bend) > 1e-6)
    lag = _LAGS[best] + np.clip(between, -0.5, 0.5)
    semitones = 12 * np.log2(RATE_HZ / lag / A1_HZ)
    return semitones.astype(np.float32), np.clip(top, 0.01, 0.995).astype(np.float32)


def without_leaps(semitones: Floats) -> Floats:
    """A frame that leaps by more than five semitones from the middle of its seven neighbours is a wrong octave."""
    longer = np.empty(len(semitones) + 6, np.float32)
    longer[:3], longer[3:-3], longer[-3:] = semitones[0], semitones, semitones[-1]
    calm = np.sort(every(longer, 7, 1), axis=1)[:, 3]
    return np.where(np.abs(semitones - calm) > 5, calm, semitones)

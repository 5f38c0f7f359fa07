"""The correlogram: the pitch of a voice and its strength, as a second input picture beside the log-mel."""

import numpy as np

from device.emotions import Floats
from device.perception.audio.log_mel import BANDS
from device.perception.audio.stft import LOW_RATE_HZ, low_frames, magnitudes

PITCHES_HZ = np.geomspace(70, 500, BANDS)
"""Fundamental frequencies, from a low man's voice to a shriek, evenly spaced to the ear."""
CORRELOGRAM_WIDTH = LOW_RATE_HZ // 25
"""40 ms, which holds more than two periods of the lowest voice; 25 ms would hold one and a half."""
_FFT = 256
_BINS = slice(3, 96)
"""47-1,484 Hz: the harmonics that carry pitch, without hum."""
_WINDOW: Floats = np.hanning(CORRELOGRAM_WIDTH).astype(np.float32)
_LAG_ANGLES = 2 * np.pi * np.outer(np.arange(_FFT // 2 + 1)[_BINS], LOW_RATE_HZ / PITCHES_HZ) / _FFT
_LAG_COSINES: Floats = np.cos(_LAG_ANGLES).astype(np.float32)
"""(bins, PITCHES_HZ): the inverse transform at the lags of PITCHES_HZ, including fractions of a sample."""


def correlogram(samples: Floats) -> Floats:
    """How periodic a voice is at each of PITCHES_HZ: (samples,) float at 16 kHz -> (frames, BANDS) float32 in -1..1.

    The frames are 40 ms long and centred like those of `log_mel`. A ridge marks the pitch, its height the voicing.
    Mel bands of 25 ms blur the harmonics of a low voice; the correlogram lets the network hear intonation. It is the
    generalized autocorrelation (magnitudes compressed before the inverse transform) of Tolonen and Karjalainen
    2000, "A computationally efficient multipitch analysis model".
    """
    (low,) = low_frames(samples, CORRELOGRAM_WIDTH)
    return correlogram_from_frames(low)


def correlogram_from_frames(low: Floats) -> Floats:
    """`correlogram` from `low_frames` (frames, CORRELOGRAM_WIDTH)."""
    strength = magnitudes(low, _WINDOW, _FFT)[:, _BINS] ** np.float32(1.2)
    return np.asarray(strength @ _LAG_COSINES / (strength.sum(axis=1, keepdims=True) + 1e-9), np.float32)

"""The pitch of a voice in each frame, and how tonal the frame is."""

import numpy as np

from device.emotions import Floats
from device.perception.audio.stft import LOW_RATE_HZ, magnitudes, sliding_windows

PITCH_WIDTH = LOW_RATE_HZ // 20
"""50 ms: three periods of the lowest voice."""
_FFT = 256
"""A window and the longest lag need 265, but only the last nine samples of a Hann window wrap around: under 1e-6."""
_STEP = 0.5
_LAGS = np.arange(6.75, 64.5, _STEP)
"""In samples at LOW_RATE_HZ, in steps of a half: 593-62 Hz."""
_OCTAVE_COSTS = np.asarray(0.02 * np.log2(_LAGS / _LAGS[0]), np.float32)
"""A tone repeats after two periods as well as after one; the shorter lag is the better guess."""
_SILENCE = 1e-9
"""Lower bound for the power at lag 0."""
A1_HZ = 27.5
"""The lowest A of a piano; semitones are counted from it."""
_WINDOW: Floats = np.hanning(PITCH_WIDTH).astype(np.float32)


def _inverse_transform() -> Floats:
    """(bins, 1 + lags + 2): turns a power spectrum into its autocorrelation at lag 0, _LAGS, and one more on each side.

    Only these lags are computed, so half-sample steps cost no more than whole ones. The result is divided by the
    window's own autocorrelation, which falls with the lag.
    """
    bins = np.arange(_FFT // 2 + 1)
    lags = np.concatenate([[0, _LAGS[0] - _STEP], _LAGS, [_LAGS[-1] + _STEP]])
    twice = np.where(bins % (_FFT // 2), 2 / _FFT, 1 / _FFT)
    transform = twice[:, None] * np.cos(2 * np.pi / _FFT * np.outer(bins, lags))
    own = np.abs(np.fft.rfft(_WINDOW, _FFT)) ** 2 @ transform
    return np.asarray(transform * (own[0] / own), np.float32)


_INVERSE = _inverse_transform()


def pitch_per_frame(low: Floats) -> tuple[Floats, Floats]:
    """(semitones above A1_HZ, height of the autocorrelation's peak 0..1), each (frames,) float32.

    From `low_frames` (frames, PITCH_WIDTH), each by itself, so octave errors remain. Without a voice the pitch is
    arbitrary and the peak is low; above 500 Hz it may be an octave too low. Boersma 1993, "Accurate short-term analysis
    of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound". Only frequencies below 1.5 kHz
    are used, which changes the result by a hundredth of a semitone and takes a third of the time.
    """
    around = np.square(magnitudes(low, _WINDOW, _FFT)) @ _INVERSE
    heights = around[:, 1:] / np.maximum(around[:, :1], _SILENCE)
    rises = heights[:, 1:] >= heights[:, :-1]
    is_peak = rises[:, :-1] > rises[:, 1:]
    best = np.where(is_peak, heights[:, 1:-1] - _OCTAVE_COSTS, np.float32(-1)).argmax(axis=1)
    middles = best + np.arange(1, heights.size, heights.shape[1])
    left, top, right = heights.ravel()[middles - 1], heights.ravel()[middles], heights.ravel()[middles + 1]
    # A parabola through three points locates the peak between two lags.
    bend = left - 2 * top + right
    between = np.divide(0.5 * (left - right), bend, out=np.zeros_like(top), where=np.abs(bend) > 1e-6)
    lag = _LAGS[best] + _STEP * np.minimum(np.maximum(between, -0.5), 0.5)
    semitones = 12 * np.log2(LOW_RATE_HZ / lag / A1_HZ)
    return semitones.astype(np.float32), np.minimum(np.maximum(top, np.float32(0.01)), np.float32(0.995))


def remove_octave_leaps(semitones: Floats) -> Floats:
    """Replace frames more than five semitones from the median of their five neighbours: these are wrong octaves."""
    longer = np.empty(len(semitones) + 4, np.float32)
    longer[:2], longer[2:-2], longer[-2:] = semitones[0], semitones, semitones[-1]
    calm = np.sort(sliding_windows(longer, 5, 1), axis=1)[:, 2]
    return np.where(np.abs(semitones - calm) > 5, calm, semitones)

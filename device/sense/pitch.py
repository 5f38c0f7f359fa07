"""The pitch of a voice, frame by frame: how high it is, and how far it is a tone at all."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.sense.features import FRAME, HOP, RATE_HZ, frame_count

_WIDE = 800
"""50 ms: three periods of the lowest voice."""
_FFT = 1152
"""The least with small factors that holds a window and the longest lag: nothing wraps round."""
_LAGS = np.arange(27, 258)
"""In samples: 593-62 Hz."""
_OCTAVE_COST = 0.02
"""A tone repeats after two of its periods as well as after one: the shorter lag is the better guess."""
A1_HZ = 27.5
"""The lowest A of a piano; semitones are counted from it."""


@lru_cache(maxsize=1)
def _window() -> tuple[Floats, Floats]:
    """A Hann window, and its own autocorrelation, which is divided out."""
    window = np.hanning(_WIDE).astype(np.float32)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, _FFT)) ** 2, _FFT)[: _LAGS[-1] + 2]
    return window, np.asarray(own / own[0], np.float32)


def pitch(samples: Floats) -> tuple[Floats, Floats]:
    """(semitones above A1_HZ, height of the autocorrelation's peak 0..1), each (frames,) float32.

    (samples,) float at 16 kHz; the frames are those of `log_mel`, each 50 ms around the same middle. Without a
    voice the pitch is any number and the peak is low; over 500 Hz it may be an octave too low. Boersma 1993,
    "Accurate short-term analysis of the fundamental frequency and the harmonics-to-noise ratio of a sampled sound".
    """
    semitones, top = _measured(_framed(samples))
    return _without_leaps(semitones).astype(np.float32), top


class Pitch:
    """`pitch` for a voice that is heard in windows that overlap: what was measured is not measured again."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[float, float]] = {}
        self.measured = 0
        """Frames that had to be measured, so far."""

    def __call__(self, samples: Floats) -> tuple[Floats, Floats]:
        """As `pitch`. A frame is known again by its samples, where windows begin whole hops apart."""
        frames = _framed(samples)
        keys = [hash(frame.tobytes()) for frame in frames]
        new = [i for i, key in enumerate(keys) if key not in self._known]
        if new:
            self.measured += len(new)
            found = zip(*(row.tolist() for row in _measured(frames[new])), strict=True)
            self._known.update(zip((keys[i] for i in new), found, strict=True))
        # Only this window's frames can come again in the next.
        self._known = {key: self._known[key] for key in keys}
        semitones, top = np.array([self._known[key] for key in keys]).T
        return _without_leaps(semitones).astype(np.float32), top.astype(np.float32)


def _framed(samples: Floats) -> Floats:
    """(frames, _WIDE): 50 ms around the middle of each frame of `log_mel`, with silence beyond the ends."""
    frames, early = frame_count(len(samples)), (_WIDE - FRAME) // 2
    padded = np.zeros((frames - 1) * HOP + _WIDE, np.float32)
    kept = samples[: len(padded) - early]
    padded[early : early + len(kept)] = kept
    return np.lib.stride_tricks.sliding_window_view(padded, _WIDE)[::HOP]


def _measured(framed: Floats) -> tuple[npt.NDArray[np.float64], Floats]:
    """Semitones and peak of each frame (frames, _WIDE), each for itself."""
    window, own = _window()
    spectrum = np.fft.rfft(framed * window, _FFT)
    around = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, _FFT)[:, : _LAGS[-1] + 2]
    around = around / np.maximum(around[:, :1], 1e-9) / own
    heights = around[:, _LAGS[0] - 1 :]
    middle = heights[:, 1:-1]
    is_peak = (middle >= heights[:, :-2]) & (middle >= heights[:, 2:])
    cost = np.asarray(_OCTAVE_COST * np.log2(_LAGS / _LAGS[0]), np.float32)
    best = np.where(is_peak, middle - cost, -1).argmax(axis=1)
    rows = np.arange(len(framed))
    left, top, right = (heights[rows, best + k] for k in range(3))
    # A parabola through the three points puts the peak between two samples.
    bend = left - 2 * top + right
    between = np.divide(0.5 * (left - right), bend, out=np.zeros(len(framed)), where=np.abs(bend) > 1e-6)
    lag = _LAGS[best] + np.clip(between, -0.5, 0.5)
    semitones = 12 * np.log2(RATE_HZ / lag / A1_HZ)
    return semitones, np.clip(top, 0.01, 0.995).astype(np.float32)


def _without_leaps(semitones: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A frame that leaps by more than five semitones from the middle of its seven neighbours is a wrong octave."""
    calm = np.median(np.lib.stride_tricks.sliding_window_view(np.pad(semitones, 3, mode="edge"), 7), axis=1)
    return np.where(np.abs(semitones - calm) > 5, calm, semitones)

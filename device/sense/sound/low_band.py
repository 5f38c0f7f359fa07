"""Sound under 1.5 kHz, where the pitch of a voice lies: a quarter of the samples says as much of it."""

from functools import lru_cache

import numpy as np

from device.emotions import Floats
from device.sense.sound.framing import FRAME, HOP, RATE_HZ, every, frame_count

_DECIMATION = 4
LOW_RATE_HZ = RATE_HZ // _DECIMATION
_TAPS = 32


def low_frames(samples: Floats, *widths: int) -> list[Floats]:
    """For each of `widths` (even): (frame_count, width) at LOW_RATE_HZ, each around the middle of a frame of `log_mel`.

    (samples,) float at 16 kHz; zeros lie around it. Not to be written to: neighbours share their samples.
    """
    frames, widest = frame_count(len(samples)), max(widths)
    early = (_DECIMATION * widest - FRAME + _TAPS) // 2 - 1
    padded = np.zeros((frames - 1) * HOP + _DECIMATION * (widest - 1) + _TAPS, np.float32)
    kept = samples[: len(padded) - early]
    padded[early : early + len(kept)] = kept
    low = _decimated(padded)
    return [every(low[(widest - width) // 2 :], width, HOP // _DECIMATION)[:frames] for width in widths]


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


@lru_cache(maxsize=1)
def _low_pass() -> Floats:
    """A windowed sinc of 31 taps: half a decibel down at 1.4 kHz, 25 dB at 2.6 kHz, which would fold onto it.

    (_TAPS // _DECIMATION, _DECIMATION), the last one 0.
    """
    at = np.arange(1 - _TAPS // 2, _TAPS // 2)
    taps = np.sinc(at / _DECIMATION) * np.hamming(len(at))
    return np.append(taps / taps.sum(), 0).astype(np.float32).reshape(-1, _DECIMATION)

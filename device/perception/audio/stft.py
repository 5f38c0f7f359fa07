"""Sound cut into frames: 32 ms each, one every 20 ms."""

from collections.abc import Iterator
from functools import lru_cache

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats

RATE_HZ = 16_000
FRAME = 512
"""32 ms."""
HOP = 320
"""20 ms: syllables take ten times as long, and every frame costs the same."""


def frame_count(samples: int) -> int:
    """In how many frames so many samples lie; at least one."""
    return 1 if samples <= FRAME else 1 + -(-(samples - FRAME) // HOP)


def frames(samples: npt.NDArray[np.floating]) -> Floats:
    """(frame_count, FRAME) float32, not to be written to: the last one is filled up with zeros."""
    frames = frame_count(len(samples))
    padded = np.zeros((frames - 1) * HOP + FRAME, np.float32)
    padded[: len(samples)] = samples
    return sliding_windows(padded, FRAME, HOP)


def sliding_windows(samples: Floats, width: int, step: int) -> Floats:
    """All pieces of `width` that begin at 0, `step`, 2 `step`, …: a view, (pieces, width)."""
    count = max((len(samples) - width) // step + 1, 0)
    (stride,) = samples.strides
    # numpy's as_strided takes ten times as long to say the same, and is called for every sound four times.
    pieces: Floats = np.ndarray((count, width), samples.dtype, samples, 0, (step * stride, stride))
    pieces.flags.writeable = False
    return pieces


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
    return [sliding_windows(low[(widest - width) // 2 :], width, HOP // _DECIMATION)[:frames] for width in widths]


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


_AT_ONCE = 32_256
"""Values, 126 kB: they stay in the processor's cache, and malloc need not ask the kernel, which doubles the time."""
_THERE = cv2.DFT_ROWS


def magnitudes(frames: Floats, window: Floats, fft: int) -> Floats:
    """(frames, n) float32, each times `window` (n,) and filled up to `fft` (even): (frames, fft // 2 + 1) float32."""
    result = np.empty((len(frames), fft // 2 + 1), np.float32)
    for here, packed in _transformed(frames, window, fft):
        np.abs(packed[:, 0], out=result[here, 0])
        np.abs(_complex(packed), out=result[here, 1:-1])
        np.abs(packed[:, -1], out=result[here, -1])
    return result


def _transformed(frames: Floats, window: Floats, fft: int) -> Iterator[tuple[slice, Floats]]:
    """Some frames at a time: which, and (some, fft): bin 0, real and imaginary part of bins 1, 2, …, the last bin."""
    filled = np.empty((min(_AT_ONCE // fft, len(frames)), fft), np.float32)
    for begin in range(0, len(frames), len(filled)):
        part = frames[begin : begin + len(filled)]
        packed = filled[: len(part)]
        np.multiply(part, window, out=packed[:, : len(window)])
        packed[:, len(window) :] = 0
        cv2.dft(packed, packed, _THERE)
        yield slice(begin, begin + len(part)), packed


def _complex(packed: Floats) -> npt.NDArray[np.complex64]:
    """A view of all bins but the first and the last, which are real."""
    return packed[:, 1:-1].view(np.complex64)

"""Sound cut into frames: 32 ms each, one every 20 ms."""

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats

RATE_HZ = 16_000
FRAME = 512
"""32 ms."""
HOP = 320
"""20 ms: a syllable takes ten times as long, and each frame costs CPU time."""


def frame_count(samples: int) -> int:
    """How many frames cover a number of samples; at least one."""
    return 1 if samples <= FRAME else 1 + -(-(samples - FRAME) // HOP)


def frames(samples: npt.NDArray[np.floating]) -> Floats:
    """(frame_count, FRAME) float32, read-only; the last frame is padded with zeros."""
    frames = frame_count(len(samples))
    padded = np.zeros((frames - 1) * HOP + FRAME, np.float32)
    padded[: len(samples)] = samples
    return sliding_windows(padded, FRAME, HOP)


def sliding_windows(samples: Floats, width: int, step: int) -> Floats:
    """All windows of `width` that start at 0, `step`, 2 `step`, …: a read-only view, (windows, width)."""
    count = max((len(samples) - width) // step + 1, 0)
    (stride,) = samples.strides
    # numpy's as_strided takes ten times as long, and would be called four times per sound.
    pieces: Floats = np.ndarray((count, width), samples.dtype, samples, 0, (step * stride, stride))
    pieces.flags.writeable = False
    return pieces


_DECIMATION = 4
LOW_RATE_HZ = RATE_HZ // _DECIMATION
_TAPS = 32
_AT = np.arange(1 - _TAPS // 2, _TAPS // 2)
_SINC = np.sinc(_AT / _DECIMATION) * np.hamming(len(_AT))
_LOW_PASS: Floats = np.append(_SINC / _SINC.sum(), 0).astype(np.float32).reshape(-1, _DECIMATION)
"""(_TAPS // _DECIMATION, _DECIMATION), the last one 0: a windowed sinc of 31 taps. It attenuates 1.4 kHz by
0.5 dB, and 2.6 kHz, which would alias onto it, by 25 dB."""


def low_frames(samples: Floats, *widths: int) -> list[Floats]:
    """For each of `widths` (even): (frame_count, width) at LOW_RATE_HZ, each around the middle of a frame of `log_mel`.

    (samples,) float at 16 kHz, surrounded by zeros. Do not write to the result: neighbouring frames share samples.
    """
    frames, widest = frame_count(len(samples)), max(widths)
    early = (_DECIMATION * widest - FRAME + _TAPS) // 2 - 1
    padded = np.zeros((frames - 1) * HOP + _DECIMATION * (widest - 1) + _TAPS, np.float32)
    fitting = samples[: len(padded) - early]
    padded[early : early + len(fitting)] = fitting
    low = _decimated(padded)
    return [sliding_windows(low[(widest - width) // 2 :], width, HOP // _DECIMATION)[:frames] for width in widths]


def _decimated(samples: Floats) -> Floats:
    """(n,) -> every _DECIMATION-th value after _LOW_PASS, without the edges; n is a multiple of four.

    Four taps are applied to the whole sound at once: a fifth of the time of window by window.
    """
    parts = _LOW_PASS @ samples.reshape(-1, _DECIMATION).T
    count = parts.shape[1] - len(parts) + 1
    low = parts[0, :count].copy()
    for i in range(1, len(parts)):
        low += parts[i, i : i + count]
    return low


_AT_ONCE = 32_256
"""Values, 126 kB: they fit in the CPU's cache, and malloc need not ask the kernel, which would double the time."""


def magnitudes(frames: Floats, window: Floats, fft: int) -> Floats:
    """(frames, n) float32, times `window` (n,) and padded to `fft` (even) -> (frames, fft // 2 + 1) float32."""
    result = np.empty((len(frames), fft // 2 + 1), np.float32)
    filled = np.empty((min(_AT_ONCE // fft, len(frames)), fft), np.float32)
    for begin in range(0, len(frames), len(filled)):
        part, out = frames[begin : begin + len(filled)], result[begin : begin + len(filled)]
        packed = filled[: len(part)]
        np.multiply(part, window, out=packed[:, : len(window)])
        packed[:, len(window) :] = 0
        cv2.dft(packed, packed, cv2.DFT_ROWS)
        # The first and the last bin are real; between them are the real and imaginary parts of the others.
        np.abs(packed[:, 0], out=out[:, 0])
        np.abs(packed[:, 1:-1].view(np.complex64), out=out[:, 1:-1])
        np.abs(packed[:, -1], out=out[:, -1])
    return result

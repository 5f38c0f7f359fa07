"""Sound cut into frames: 32 ms each, one every 20 ms."""

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


def framed(samples: npt.NDArray[np.floating]) -> Floats:
    """(frame_count, FRAME) float32, not to be written to: the last one is filled up with zeros."""
    frames = frame_count(len(samples))
    padded = np.zeros((frames - 1) * HOP + FRAME, np.float32)
    padded[: len(samples)] = samples
    return every(padded, FRAME, HOP)


def every(samples: Floats, width: int, step: int) -> Floats:
    """All pieces of `width` that begin at 0, `step`, 2 `step`, …: a view, (pieces, width)."""
    count = max((len(samples) - width) // step + 1, 0)
    (stride,) = samples.strides
    # numpy's as_strided takes ten times as long to say the same, and is called for every sound four times.
    pieces: Floats = np.ndarray((count, width), samples.dtype, samples, 0, (step * stride, stride))
    pieces.flags.writeable = False
    return pieces

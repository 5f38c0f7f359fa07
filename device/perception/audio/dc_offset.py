"""The level at which a microphone stands when all is still, taken off: the speech gate would take it for loud noise.

Cheap sound cards, and MEMS microphones on I2S such as are soldered to a Pi, stand up to a tenth of full scale off zero.
"""

import math

import numpy as np

from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ

_SETTLES = RATE_HZ / 2
"""Samples in which two thirds of a change are taken up: far longer than a voice's longest wave, soon after a start."""


class DcBlocker:
    """Keeps its level from block to block of one stream."""

    def __init__(self) -> None:
        self._level: float | None = None

    def __call__(self, block: Floats) -> Floats:
        """The next block, (n,) float32, around zero; the level changes evenly over it, so that nothing clicks."""
        if not len(block):
            return block
        mean = float(block.mean())
        before = mean if self._level is None else self._level
        self._level = before + (mean - before) * -math.expm1(-len(block) / _SETTLES)
        return np.asarray(block - np.linspace(before, self._level, len(block), dtype=np.float32), np.float32)


def remove_dc(samples: Floats, out: Floats | None = None) -> Floats:
    """A whole recording, (n,) float32, around zero; in `out` where one is given: an hour fills 230 MB."""
    return np.asarray(np.subtract(samples, samples.mean(), out=out), np.float32) if len(samples) else samples

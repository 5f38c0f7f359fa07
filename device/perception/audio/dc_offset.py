"""Removes the DC offset of a microphone, which the speech gate would mistake for loud noise.

Cheap sound cards, and MEMS microphones connected to a Pi by I2S, have offsets of up to a tenth of full scale.
"""

import math

import numpy as np

from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ

_SETTLES = RATE_HZ / 2
"""The filter's time constant in samples: much longer than the longest wave of a voice, but short after a start."""


class DcBlocker:
    """Removes the offset from the blocks of one stream."""

    def __init__(self) -> None:
        self._level: float | None = None

    def __call__(self, block: Floats) -> Floats:
        """The next block, (n,) float32, centred on zero. The correction changes linearly, so nothing clicks."""
        if not len(block):
            return block
        mean = float(block.mean())
        before = mean if self._level is None else self._level
        self._level = before + (mean - before) * -math.expm1(-len(block) / _SETTLES)
        return np.asarray(block - np.linspace(before, self._level, len(block), dtype=np.float32), np.float32)


def remove_dc(samples: Floats, out: Floats | None = None) -> Floats:
    """A whole recording, (n,) float32, around zero; written to `out` if given: an hour takes 230 MB."""
    return np.asarray(np.subtract(samples, samples.mean(), out=out), np.float32) if len(samples) else samples

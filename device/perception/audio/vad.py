"""The first, cheap look at sound: which frames stand out of the room's own noise as speech does.

An energy gate over a window's own noise floor. It passes everything that starts and stops (a voice, a dog, a
song); the voice network's `no_speech` class is the second look, and only what both let through is a reading.
"""

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.audio.statistics import quantiles
from device.perception.audio.stft import HOP

BLOCK = 160
"""10 ms: the gate looks twice as closely as the networks, where a voice begins and ends."""
ABOVE_FLOOR_DB = 9.0
"""Speech moves 20-30 dB between vowel and pause; a room's noise stays within a few."""
QUIETEST_DB = -62.0
"""dBFS under which nothing counts: a microphone's own hiss. RAVDESS, the quietest corpus, has its speech at -40."""
_BRIDGE_FRAMES = 20
"""Pauses of up to 0.2 s inside a phrase belong to it."""
_AROUND = 5
"""A word begins and ends more softly than the gate is."""


def levels_db(samples: Floats) -> Floats:
    """Level of each 10 ms: (samples,) float32 in -1..1 -> (samples // BLOCK,) float32 dBFS, silence being -120."""
    whole = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    power = np.einsum("ij,ij->i", whole, whole) / BLOCK
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)), np.float32)


def speech_frames(samples: Floats) -> npt.NDArray[np.bool_]:
    """Which 10 ms frames hold what may be speech: (samples,) float32 -> (samples // BLOCK,) bool."""
    levels = levels_db(samples)
    if not len(levels):
        return np.zeros(0, np.bool_)
    floor, top = (float(level) for level in quantiles(np.sort(levels), [0.1, 0.95]))
    # A clip cut to the voice has no quiet tenth: then half way down from its peak is the line.
    line = max(min(floor + ABOVE_FLOOR_DB, top - 15), QUIETEST_DB)
    if top - floor < ABOVE_FLOOR_DB:
        return np.zeros(len(levels), np.bool_)
    return _bridged(levels > line)


def speech_span(marked: npt.NDArray[np.bool_]) -> slice:
    """The samples from the first marked block to the last one and a little around; empty where none is marked.

    The quiet at both ends says how the recording was cut, not how it was spoken. It begins at a whole frame of the
    window, so that windows of one stream are cut into the same frames.
    """
    places = np.flatnonzero(marked)
    if not len(places):
        return slice(0, 0)
    begin = max(int(places[0]) - _AROUND, 0) * BLOCK
    return slice(begin - begin % HOP, (int(places[-1]) + 1 + _AROUND) * BLOCK)


def _bridged(marked: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """`marked` with its short gaps closed and its lonely frames (under 50 ms) dropped."""
    closed = marked.copy()
    for start, stop in _runs(~marked):
        if start > 0 and stop < len(marked) and stop - start <= _BRIDGE_FRAMES:
            closed[start:stop] = True
    for start, stop in _runs(closed):
        if stop - start < 5:
            closed[start:stop] = False
    return closed


def _runs(marked: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    longer = np.zeros(len(marked) + 2, np.bool_)
    longer[1:-1] = marked
    edges = np.flatnonzero(longer[1:] != longer[:-1]).tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))

"""Voice activity detection, first step: finds the frames that stand out from the room's noise like speech.

A cheap energy gate relative to the window's own noise floor. It passes every sound that starts and
stops: a voice, a dog, a song. The second step is the `no_speech` class of the voice network. Only a sound that passes
both becomes a reading.
"""

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.audio.statistics import quantiles, runs
from device.perception.audio.stft import HOP

BLOCK = 160
"""10 ms: the gate locates the ends of a voice twice as precisely as the networks' 20 ms frames."""
ABOVE_FLOOR_DB = 9.0
"""Speech varies by 20-30 dB between vowel and pause, a room's noise by a few."""
QUIETEST_DB = -62.0
"""dBFS; quieter sound is the microphone's own hiss. The speech of RAVDESS, the quietest corpus, is at -40."""
_BRIDGE_FRAMES = 20
"""Pauses of up to 0.2 s count as part of the phrase around them."""
_AROUND = 5
"""Frames added at both ends: a word begins and ends too softly for the gate."""


def levels_db(samples: Floats) -> Floats:
    """The level of each 10 ms: (samples,) float32 in -1..1 -> (samples // BLOCK,) float32 dBFS; silence is -120."""
    whole = samples[: len(samples) // BLOCK * BLOCK].reshape(-1, BLOCK)
    power = np.einsum("ij,ij->i", whole, whole) / BLOCK
    return np.asarray(10 * np.log10(np.maximum(power, 1e-12)), np.float32)


def speech_frames(samples: Floats) -> npt.NDArray[np.bool_]:
    """Which 10 ms frames may be speech: (samples,) float32 -> (samples // BLOCK,) bool."""
    levels = levels_db(samples)
    if not len(levels):
        return np.zeros(0, np.bool_)
    floor, top = (float(level) for level in quantiles(np.sort(levels), [0.1, 0.95]))
    # A clip trimmed to the voice has no quiet tenth; the threshold is then 15 dB below its peak.
    threshold = max(min(floor + ABOVE_FLOOR_DB, top - 15), QUIETEST_DB)
    if top - floor < ABOVE_FLOOR_DB:
        return np.zeros(len(levels), np.bool_)
    return _bridged(levels > threshold)


def speech_span(marked: npt.NDArray[np.bool_]) -> slice:
    """The samples from the first marked block to the last one, with a margin; empty if none is marked.

    The quiet at both ends depends on how the recording was trimmed, not on the voice. The span starts at a multiple of
    HOP, so that the windows of one stream share their frames.
    """
    places = np.flatnonzero(marked)
    if not len(places):
        return slice(0, 0)
    begin = max(int(places[0]) - _AROUND, 0) * BLOCK
    return slice(begin - begin % HOP, (int(places[-1]) + 1 + _AROUND) * BLOCK)


def _bridged(marked: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """`marked` with short gaps closed and short runs (under 50 ms) removed."""
    closed = marked.copy()
    for start, stop in zip(*runs(~marked), strict=True):
        if start > 0 and stop < len(marked) and stop - start <= _BRIDGE_FRAMES:
            closed[start:stop] = True
    for start, stop in zip(*runs(closed), strict=True):
        if stop - start < 5:
            closed[start:stop] = False
    return closed

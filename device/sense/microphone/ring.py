"""The ring between a microphone's thread and the one that listens: the last three seconds, no more."""

import threading

import numpy as np

from device.emotions import Floats
from device.readings import SoundWindow
from device.sense.sound.framing import HOP, RATE_HZ

_GAP_S = 0.5
"""Sound from before a pause longer than this is not part of what is heard now."""


class SoundRing:
    """The newest `seconds` of 16 kHz mono sound; what is older is overwritten. Any thread may call it."""

    def __init__(self, seconds: float = 3.0) -> None:
        self._samples = np.zeros(int(seconds * RATE_HZ), np.float32)
        self._lock = threading.Lock()
        self._at = 0
        self._count = 0
        self._heard = 0
        """Samples since the last gap: the next one's number."""
        self._end_s = 0.0

    def push(self, block: Floats, end_s: float) -> None:
        """Add a block (n,) float32 whose last sample was heard at `end_s`."""
        size = len(self._samples)
        with self._lock:
            if end_s - len(block) / RATE_HZ - self._end_s > _GAP_S:
                self._count = self._heard = 0
            kept = block[-size:]
            first = min(len(kept), size - self._at)
            self._samples[self._at : self._at + first] = kept[:first]
            self._samples[: len(kept) - first] = kept[first:]
            self._at = (self._at + len(kept)) % size
            self._count = min(self._count + len(kept), size)
            self._heard += len(block)
            self._end_s = end_s

    def window(self) -> SoundWindow | None:
        """A copy of what there is, oldest first, from a whole hop of the stream on; None when there is nothing."""
        with self._lock:
            first = self._heard - self._count
            first += -first % HOP
            count = self._heard - first
            if count <= 0:
                return None
            early = min(max(count - self._at, 0), count)
            size = len(self._samples)
            parts = self._samples[size - early :], self._samples[self._at - count + early : self._at]
            return SoundWindow(np.concatenate(parts), self._end_s, first)

    def clear(self) -> None:
        """Forget everything, the samples themselves too: after a mute nothing of before may be left."""
        with self._lock:
            self._samples.fill(0)
            self._at = self._count = self._heard = 0

"""Windows of one sound overlap: what was measured of a frame in one of them is not measured again in the next."""

from collections.abc import Callable

import numpy as np

from device.emotions import Floats
from device.perception.audio.stft import HOP, frame_count

_EARLY, _LATE = 1, 2
"""Hops that a row reaches out before its frame and behind it: so many frames at the ends of a sound see the silence
beyond, and only hold for this sound."""


class FrameCache:
    """Rows of the frames of the last sound; the next one, where it is the same sound going on, adds to them."""

    def __init__(self, measure: Callable[[Floats], Floats]) -> None:
        """`measure`: (samples,) -> a row for each frame, of it and what is up to _EARLY and _LATE hops beside it."""
        self._measure = measure
        self.measured = 0
        """Frames that had to be measured, so far."""
        self.new = 0
        """Frames of the last sound that were not in the one before, without those at its ends."""
        self.forget()

    def forget(self) -> None:
        """Nothing is left of what was heard."""
        self._samples, self._at, self._rows = np.zeros(0, np.float32), 0, np.zeros((0, 0), np.float32)

    def __call__(self, samples: Floats, at: int) -> Floats:
        """(frames, k): what `measure` says of (samples,), the first of them being number `at` of its stream.

        `samples` may not be changed afterwards.
        """
        first, last, shift = self._known(samples, at)
        if last - first <= _EARLY + _LATE:
            rows = self._measured(samples)
            self.new = len(rows)
        else:
            # What is known is cut out of the sound, up to the frames that would see the seam.
            begin, end = (first + _LATE) * HOP if first else 0, (last - _EARLY) * HOP
            new = self._measured(np.concatenate([samples[:begin], samples[end:]]))
            rows = np.concatenate([new[:first], self._rows[first + shift : last + shift], new[begin // HOP + _EARLY :]])
            self.new = max(len(rows) - (last - first) - _EARLY - _LATE, 0)
        self._samples, self._at, self._rows = samples, at, rows
        return rows

    def _measured(self, samples: Floats) -> Floats:
        rows = self._measure(samples)
        self.measured += len(rows)
        return rows

    def _known(self, samples: Floats, at: int) -> tuple[int, int, int]:
        """(first, last, shift): frames first..last - 1 are known as rows first + shift, …; none: last <= first."""
        shift, odd = divmod(at - self._at, HOP)
        begin, end = max(0, -shift * HOP), min(len(samples), len(self._samples) - shift * HOP)
        before = self._samples[max(begin + shift * HOP, 0) : max(end + shift * HOP, 0)]
        # Compared, not believed: another file, or a gap in the stream, is another sound.
        if odd or begin >= end or not np.array_equal(samples[begin:end], before):
            return 0, 0, 0
        first = max(_EARLY, _EARLY - shift) if shift else 0
        return first, min(frame_count(len(samples)), len(self._rows) - shift) - _LATE, shift

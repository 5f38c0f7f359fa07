"""Windows of one sound overlap: frames that were measured in one window are not measured again in the next."""

from collections.abc import Callable

import numpy as np

from device.emotions import Floats
from device.perception.audio.stft import HOP, frame_count

_EARLY, _LATE = 1, 2
"""Hops before and after its frame that a row depends on. So many frames at the ends of a sound depend on the silence
beyond, and cannot be used for another window."""


class FrameCache:
    """The rows of the last sound's frames. If the next sound continues it, only the new frames are measured."""

    def __init__(self, measure: Callable[[Floats], Floats]) -> None:
        """`measure`: (samples,) -> a row for each frame, from it and what is up to _EARLY and _LATE hops beside it."""
        self._measure = measure
        self.measured = 0
        """Frames measured so far."""
        self.new = 0
        """Frames of the last sound that were not in the one before, without those at its ends."""
        self.clear()

    def clear(self) -> None:
        """Forget the last sound."""
        self._samples, self._at, self._rows = np.zeros(0, np.float32), 0, np.zeros((0, 0), np.float32)

    def __call__(self, samples: Floats, at: int) -> Floats:
        """(frames, k): `measure` of (samples,), the first of which has the number `at` in its stream.

        The caller may not change `samples` afterwards.
        """
        first, last, shift = self._reusable(samples, at)
        if last - first <= _EARLY + _LATE:
            rows = self._measure_frames(samples)
            self.new = len(rows)
        else:
            # Measure the sound without its known part, of which the frames near the seams are left in.
            begin, end = (first + _LATE) * HOP if first else 0, (last - _EARLY) * HOP
            new = self._measure_frames(np.concatenate([samples[:begin], samples[end:]]))
            rows = np.concatenate([new[:first], self._rows[first + shift : last + shift], new[begin // HOP + _EARLY :]])
            self.new = max(len(rows) - (last - first) - _EARLY - _LATE, 0)
        self._samples, self._at, self._rows = samples, at, rows
        return rows

    def _measure_frames(self, samples: Floats) -> Floats:
        rows = self._measure(samples)
        self.measured += len(rows)
        return rows

    def _reusable(self, samples: Floats, at: int) -> tuple[int, int, int]:
        """(first, last, shift): frames first..last - 1 have the rows first + shift, …; none if last <= first."""
        shift, odd = divmod(at - self._at, HOP)
        begin, end = max(0, -shift * HOP), min(len(samples), len(self._samples) - shift * HOP)
        before = self._samples[max(begin + shift * HOP, 0) : max(end + shift * HOP, 0)]
        # `at` alone proves nothing: after a gap in the stream, or in another file, the samples differ.
        if odd or begin >= end or not np.array_equal(samples[begin:end], before):
            return 0, 0, 0
        first = max(_EARLY, _EARLY - shift) if shift else 0
        return first, min(frame_count(len(samples)), len(self._rows) - shift) - _LATE, shift

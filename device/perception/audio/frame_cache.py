"""Caches measured frames: windows of one sound overlap, so their common frames are measured only once."""

from collections.abc import Callable

import numpy as np

from device.emotions import Floats
from device.perception.audio.stft import HOP, frame_count

_EARLY, _LATE = 1, 2
"""How many hops before and after its frame a row depends on. This many frames at each end of a sound therefore depend
on the silence beyond it, and cannot be reused for another window."""


class FrameCache:
    """The rows of the last sound's frames. If the next sound continues it, only the new frames are measured."""

    def __init__(self, measure: Callable[[Floats], Floats]) -> None:
        """`measure`: (samples,) -> one row per frame, which may depend on _EARLY hops before it and _LATE after it."""
        self._measure = measure
        self.measured = 0
        """Frames measured so far."""
        self.new = 0
        """New frames in the last sound, compared with the one before; frames at its ends do not count."""
        self.clear()

    def clear(self) -> None:
        """Forget the last sound."""
        self._samples, self._at, self._rows = np.zeros(0, np.float32), 0, np.zeros((0, 0), np.float32)

    def __call__(self, samples: Floats, at: int) -> Floats:
        """(frames, k): `measure` of (samples,). The first sample has the number `at` in its stream.

        The caller must not change `samples` afterwards.
        """
        first, last, shift = self._reusable(samples, at)
        if last - first <= _EARLY + _LATE:
            rows = self._measure_frames(samples)
            self.new = len(rows)
        else:
            # Measure the sound without its known part, except for the known frames near the seams.
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
        """(first, last, shift): frames first..last - 1 reuse the rows from first + shift on; none if last <= first."""
        shift, odd = divmod(at - self._at, HOP)
        begin, end = max(0, -shift * HOP), min(len(samples), len(self._samples) - shift * HOP)
        before = self._samples[max(begin + shift * HOP, 0) : max(end + shift * HOP, 0)]
        # `at` alone proves nothing: after a gap in the stream, or in another file, the samples differ.
        if odd or begin >= end or not np.array_equal(samples[begin:end], before):
            return 0, 0, 0
        first = max(_EARLY, _EARLY - shift) if shift else 0
        return first, min(frame_count(len(samples)), len(self._rows) - shift) - _LATE, shift

"""A FaceDetector for a stream of frames: a close look at who is known, and at the whole only now and then.

The close look costs a tenth of the whole one, and its key points are the better ones (`Refined`). Who comes in is seen
with the next look at the whole; in a room where nothing moves, nobody has come.
"""

import cv2
import numpy as np
import numpy.typing as npt

from device.readings import Face
from device.sense.detector import Refined, corners, overlap

Pixels = npt.NDArray[np.uint8]

WHOLE_EVERY = 8
"""Frames from one look at the whole to the next while somebody is known: 0.8 s at ten a second."""
STILL_MOST = 6
"""So many frames of an empty room that does not change go without a look: two seconds at three a second."""
_CELL_PX = 8
_MOVED = 7
"""Steps of 255 by which the mean of a cell differs beyond a sensor's noise."""
_LEAST_SHARE = 0.004
"""Of the cells: a head at four metres is more."""
_SAME = 0.3


class Following:
    """Remembers who was in the last frame: one for each stream."""

    def __init__(self, refined: Refined) -> None:
        self._refined = refined
        self._known: list[Face] = []
        self._since_whole = 0
        self._empty: npt.NDArray[np.int16] | None = None

    def find(self, pixels: Pixels) -> list[Face]:
        """Faces in (h, w, 3) uint8 RGB, the next frame of the stream; their crops are not made yet."""
        self._since_whole += 1
        if self._known:
            if self._since_whole < WHOLE_EVERY and (again := self._again(pixels)) is not None:
                self._known = again
                return list(again)
        elif self._is_still(pixels):
            return []
        self._since_whole = 0
        self._known = self._refined.find(pixels)
        self._empty = None if self._known else _sampled(pixels)
        return list(self._known)

    def _again(self, pixels: Pixels) -> list[Face] | None:
        """All who are known, where they are now; None when one of them is not found, or two have become one."""
        found: list[Face] = []
        for face in self._known:
            now = self._refined.closer(pixels, face)
            if now is None or any(overlap(corners(now.box), corners(o.box)[None])[0] > _SAME for o in found):
                return None
            found.append(now)
        return found

    def _is_still(self, pixels: Pixels) -> bool:
        """Whether the room is as empty as when it was last looked at."""
        if self._empty is None or self._since_whole >= STILL_MOST:
            return False
        now = _sampled(pixels)
        same = now.shape == self._empty.shape
        return same and float((np.abs(now - self._empty) > _MOVED).mean()) < _LEAST_SHARE


def _sampled(pixels: Pixels) -> npt.NDArray[np.int16]:
    """(h / 8, w / 8): the mean green of each cell, from every second pixel of every second row."""
    green = np.ascontiguousarray(pixels[::2, ::2, 1])
    size = max(pixels.shape[1] // _CELL_PX, 1), max(pixels.shape[0] // _CELL_PX, 1)
    return cv2.resize(green, size, interpolation=cv2.INTER_AREA).astype(np.int16)

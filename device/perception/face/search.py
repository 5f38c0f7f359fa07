"""Decides where to search for faces next: in the whole frame, or in a part where something has changed.

One search covers one part, so that far faces cost no more per frame than near ones. A part where something moved is
searched next. A part where nothing moves is searched now and then, and one where something always moves (a television)
rarely.
"""

from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

from device.readings import Face, Frame

Cells = npt.NDArray[np.int16]
_Pixel = TypeVar("_Pixel", bound=np.generic)

_REST_S = 3.0
"""Time between two searches where nothing moves; the part searched longest ago is next."""
_BESIDE_S = 1.5
"""Time between two searches while a face is known."""
_MISS_DELAY_S = 0.05
"""Each search of a moving part that finds no face delays the next search there by this much more, ..."""
_MAX_MISSES = 20
"""... up to this many times, or one second."""
_CELL = 80
"""Cells across the frame. At 640 px a cell has 8 px, and a head at four metres has 5 by 5 cells."""
_MOVED = 7
"""Change of a cell's mean brightness, of 255, that exceeds the noise of a sensor."""
_MIN_CELLS = 12
"""Minimum number of cells that change when a head appears."""


@dataclass
class Region:
    """A rectangle of the frame, and when it was last searched."""

    left: float
    """A share of the frame's width; the other three are shares, too."""
    top: float
    width: float
    height: float
    searched_s: float = -inf
    misses: int = 0
    """Consecutive searches triggered by movement that found no face."""
    cells: Cells | None = field(default=None, repr=False)
    """The frame's brightness at the last search."""
    rank: int = 0
    """How many misses a larger part must have before this one is first searched."""

    def crop(self, pixels: npt.NDArray[_Pixel]) -> tuple[int, int, npt.NDArray[_Pixel]]:
        """(left, top, this part cut out) of a picture or map of any size."""
        height, width = pixels.shape[:2]
        left, top = round(self.left * width), round(self.top * height)
        right, bottom = round((self.left + self.width) * width), round((self.top + self.height) * height)
        return left, top, pixels[top:bottom, left:right]


def _parts() -> list[Region]:
    """The whole, six parts, and twelve smaller ones for faces farther away or in front of a confusing background.

    They overlap by a tenth of the frame or more: a face cut by one part is whole in its neighbour.
    """
    six = [Region(x, y, 0.45, 0.6, rank=2) for y in (0, 0.4) for x in (0, 0.275, 0.55)]
    twelve = [Region(x, y, 0.34, 0.45, rank=4) for y in (0, 0.275, 0.55) for x in (0, 0.22, 0.44, 0.66)]
    return [Region(0, 0, 1, 1), *six, *twelve]


class RegionScheduler:
    """Chooses the part to search next, for one stream of frames of one size."""

    def __init__(self) -> None:
        self._parts = _parts()
        self._cells: Cells | None = None
        self._range: tuple[Cells, Cells] | None = None
        """The darkest and the brightest value of each cell at the last searches of its parts."""
        self.searched_s = -inf
        """When any part was last searched."""
        self._moves = False
        """Whether movement is the reason why the part is due."""

    def next(self, frame: Frame, faces: list[Face]) -> Region | None:
        """The part of `frame` that is due, or None. Movement around `faces` does not count."""
        now_s = frame.time_s
        if faces and now_s - self.searched_s < _BESIDE_S:
            return None
        cells = sampled(frame)
        if self._cells is None or self._cells.shape != cells.shape:
            self._parts = _parts()
            for part in self._parts:
                part.cells = cells  # so that movement is also noticed in parts not searched yet
            self._range = None
        self._cells = cells
        self._moves = False
        mask = _around(faces, cells.shape, frame.pixels.shape)
        candidates = [] if self._is_still(cells, mask) else self._parts
        changed = [part for part in candidates if self._has_changed(part, mask)]
        newest = min(changed, key=lambda part: part.misses + part.rank, default=None)
        if newest is not None and now_s - self.searched_s >= _MISS_DELAY_S * newest.misses:
            self._moves = True
            return newest
        oldest = min(self._parts, key=lambda p: p.searched_s)
        # The first frames search all parts once, so that somebody far away who sits still need not wait for a minute.
        return oldest if now_s - self.searched_s >= _REST_S or oldest.searched_s == -inf else None

    def searched(self, part: Region, now_s: float, *, found: bool) -> None:
        """Record that `part` was searched, and whether a face was `found`."""
        part.searched_s = self.searched_s = now_s
        part.cells, self._range = self._cells, None
        if found or not self._moves:
            part.misses = 0
        else:
            part.misses = min(part.misses + 1, _MAX_MISSES)

    def _is_still(self, cells: Cells, mask: npt.NDArray[np.bool_]) -> bool:
        """Whether too few cells differ for any part to have changed: a tenth of the cost of checking each part."""
        if self._range is None:
            darkest, brightest = cells.copy(), cells.copy()
            for part in self._parts:
                if part.cells is not None:
                    then, low, high = (part.crop(map_)[2] for map_ in (part.cells, darkest, brightest))
                    np.minimum(low, then, out=low)
                    np.maximum(high, then, out=high)
            self._range = darkest, brightest
        darkest, brightest = self._range
        differ = (cells > darkest + _MOVED) | (cells < brightest - _MOVED)
        return int(np.count_nonzero(differ & ~mask)) < _MIN_CELLS

    def _has_changed(self, part: Region, mask: npt.NDArray[np.bool_]) -> bool:
        """Whether enough of the part differs from its last search."""
        if part.cells is None or self._cells is None:
            return False
        now, before = part.crop(self._cells)[2], part.crop(part.cells)[2]
        return int(((np.abs(now - before) > _MOVED) & ~part.crop(mask)[2]).sum()) >= _MIN_CELLS


def sampled(frame: Frame) -> Cells:
    """(about 60, _CELL): the mean brightness of each cell, from the camera's own small picture if it has one.

    Else the mean green of two rows of each cell: whole rows are quick to copy.
    """
    height, width = frame.pixels.shape[:2]
    bright: npt.NDArray[Any] | None = frame.small
    if bright is None:
        bright = cv2.extractChannel(np.ascontiguousarray(frame.pixels[:: max(width // (2 * _CELL), 1)]), 1)
    size = min(_CELL, width), max(round(height * min(_CELL, width) / width), 1)
    return cv2.resize(bright, size, interpolation=cv2.INTER_AREA).astype(np.int16)


def _around(faces: list[Face], cells: tuple[int, ...], frame: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """The cells in which the heads, hands and bodies of `faces` move."""
    mask = np.zeros(cells[:2], np.bool_)
    scale = np.array([cells[1] / frame[1], cells[0] / frame[0]])
    for face in faces:
        x, y, width, height = face.box
        (left, top), (right, bottom) = (
            (np.array(corner) * scale).round().astype(int).clip(0)
            for corner in ((x - 1.5 * width, y - 0.7 * height), (x + 2.5 * width, y + 5 * height))
        )
        mask[top:bottom, left:right] = True
    return mask

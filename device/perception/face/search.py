"""Where to look for faces next: the whole frame, or a part of it in which something has changed.

One look covers one part, so that far faces cost no more a frame than near ones: a part in which nothing moves is looked
at now and then, one in which something did is next, one in which something always moves (a television) comes seldom.
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
"""Where nothing moves, one part is looked at so often: the one that was not for longest."""
_BESIDE_S = 1.5
"""Between two looks while somebody is known."""
_DULL_S = 0.05
"""A look at what moved that found nobody puts the next one off by so much, ..."""
_DULLEST = 20
"""... up to a second."""
_CELL = 80
"""Cells across the frame: of 8 px in 640, a head at four metres being 5 by 5 of them."""
_MOVED = 7
"""Steps of 255 by which the mean of a cell differs beyond a sensor's noise."""
_MIN_CELLS = 12
"""So many cells have changed when a head has come."""


@dataclass
class Region:
    """A rectangle of the frame, and when it was last looked at."""

    left: float
    """As shares of the frame's sides, like the rest."""
    top: float
    width: float
    height: float
    searched_s: float = -inf
    dull: int = 0
    """Looks in a row at something that moved and was nobody."""
    seen: Cells | None = field(default=None, repr=False)
    rank: int = 0
    """So many dull looks at a larger part come before the first look at this one."""

    def of(self, pixels: npt.NDArray[_Pixel]) -> tuple[int, int, npt.NDArray[_Pixel]]:
        """(left, top, this part) of a picture or a map of any size."""
        height, width = pixels.shape[:2]
        left, top = round(self.left * width), round(self.top * height)
        right, bottom = round((self.left + self.width) * width), round((self.top + self.height) * height)
        return left, top, pixels[top:bottom, left:right]


def _parts() -> list[Region]:
    """The whole, six parts, and twelve for who is farther away still, or before what the detector finds confusing.

    They overlap by a tenth of the frame and more: a face that one cuts is whole in its neighbour.
    """
    six = [Region(x, y, 0.45, 0.6, rank=2) for y in (0, 0.4) for x in (0, 0.275, 0.55)]
    twelve = [Region(x, y, 0.34, 0.45, rank=4) for y in (0, 0.275, 0.55) for x in (0, 0.22, 0.44, 0.66)]
    return [Region(0, 0, 1, 1), *six, *twelve]


class RegionScheduler:
    """Chooses the part to look at, for one stream of frames of one size."""

    def __init__(self) -> None:
        self._parts = _parts()
        self._cells: Cells | None = None
        self._range: tuple[Cells, Cells] | None = None
        """The darkest and the brightest that each cell was when one of its parts was last looked at."""
        self._searched_s = -inf
        self._moves = False
        """Whether the part that is due is so because something moved."""

    def next(self, frame: Frame, known: list[Face]) -> Region | None:
        """The part of `frame` that is due, or None; `known` faces explain what moves around them."""
        now_s = frame.time_s
        if known and now_s - self._searched_s < _BESIDE_S:
            return None
        cells = sampled(frame)
        if self._cells is None or self._cells.shape != cells.shape:
            self._parts = _parts()
            for part in self._parts:
                part.seen = cells  # what moves from now on is noticed in those too that were not looked at yet
            self._range = None
        self._cells = cells
        self._moves = False
        explained = _around(known, cells.shape, frame.pixels.shape)
        asked = [] if self._rests(cells, explained) else self._parts
        moved = [part for part in asked if self._has_changed(part, explained)]
        newest = min(moved, key=lambda part: part.dull + part.rank, default=None)
        if newest is not None and now_s - self._searched_s >= _DULL_S * newest.dull:
            self._moves = True
            return newest
        oldest = min(self._parts, key=lambda p: p.searched_s)
        # All are looked at once in the first frames: who sits far away and still is not to wait for a minute.
        return oldest if now_s - self._searched_s >= _REST_S or oldest.searched_s == -inf else None

    def overdue_s(self, now_s: float) -> float:
        """Since the last look at any part."""
        return now_s - self._searched_s

    def searched(self, part: Region, now_s: float, *, found: bool) -> None:
        """`part` was looked at."""
        part.searched_s = self._searched_s = now_s
        part.seen, self._range = self._cells, None
        if found or not self._moves:
            part.dull = 0
        else:
            part.dull = min(part.dull + 1, _DULLEST)

    def _rests(self, cells: Cells, explained: npt.NDArray[np.bool_]) -> bool:
        """Whether so few cells differ from what any part was that none can have changed: a tenth of asking each."""
        if self._range is None:
            darkest, brightest = cells.copy(), cells.copy()
            for part in self._parts:
                if part.seen is not None:
                    then, low, high = (part.of(map_)[2] for map_ in (part.seen, darkest, brightest))
                    np.minimum(low, then, out=low)
                    np.maximum(high, then, out=high)
            self._range = darkest, brightest
        darkest, brightest = self._range
        differ = (cells > darkest + _MOVED) | (cells < brightest - _MOVED)
        return int(np.count_nonzero(differ & ~explained)) < _MIN_CELLS

    def _has_changed(self, part: Region, explained: npt.NDArray[np.bool_]) -> bool:
        """Whether enough of it differs from when it was last looked at."""
        if part.seen is None or self._cells is None:
            return False
        now, before = part.of(self._cells)[2], part.of(part.seen)[2]
        return int(((np.abs(now - before) > _MOVED) & ~part.of(explained)[2]).sum()) >= _MIN_CELLS


def sampled(frame: Frame) -> Cells:
    """(about 60, _CELL): the mean brightness of each cell, of what the camera has shrunk itself where it does.

    Else the mean green, from two of its rows: whole ones are quick to copy.
    """
    height, width = frame.pixels.shape[:2]
    bright: npt.NDArray[Any] | None = frame.small
    if bright is None:
        bright = cv2.extractChannel(np.ascontiguousarray(frame.pixels[:: max(width // (2 * _CELL), 1)]), 1)
    size = min(_CELL, width), max(round(height * min(_CELL, width) / width), 1)
    return cv2.resize(bright, size, interpolation=cv2.INTER_AREA).astype(np.int16)


def _around(known: list[Face], cells: tuple[int, ...], frame: tuple[int, ...]) -> npt.NDArray[np.bool_]:
    """The cells in which a known face's own head, hands and body move."""
    mask = np.zeros(cells[:2], np.bool_)
    scale = np.array([cells[1] / frame[1], cells[0] / frame[0]])
    for face in known:
        x, y, width, height = face.box
        (left, top), (right, bottom) = (
            (np.array(corner) * scale).round().astype(int).clip(0)
            for corner in ((x - 1.5 * width, y - 0.7 * height), (x + 2.5 * width, y + 5 * height))
        )
        mask[top:bottom, left:right] = True
    return mask

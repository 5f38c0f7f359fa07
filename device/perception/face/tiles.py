"""Finds small faces in a large still picture: searches the whole, then smaller and smaller overlapping tiles."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from device.perception.face.detector import FaceDetector, corners, overlap
from device.readings import Face

_TILES_PX = (288, 208)
"""At each size the far detector finds nine in ten faces of 40 px, but misses different ones at each."""
_MAX_TILES = 64


def find_everywhere(detector: FaceDetector, pixels: npt.NDArray[np.uint8]) -> list[Face]:
    """Faces of every size in (h, w, 3) uint8 RGB, most confident first; each face once."""
    found = list(detector.find(pixels))
    for left, top, part in _tiles(pixels):
        found += [move(face, left, top) for face in detector.find(part) if not is_cut(face, left, top, part, pixels)]
    distinct: list[Face] = []
    for face in sorted(found, key=lambda f: -f.score):
        others = np.array([corners(k.box) for k in distinct], np.float32).reshape(-1, 4)
        if not (overlap(corners(face.box), others) > 0.3).any() and not _inside(corners(face.box), others).any():
            distinct.append(face)
    return distinct


def _tiles(pixels: npt.NDArray[np.uint8]) -> Iterator[tuple[int, int, npt.NDArray[np.uint8]]]:
    """(left, top, part), the largest parts first: a face too large for one size of tile is whole in a larger one."""
    height, width = pixels.shape[:2]
    sides = list(_TILES_PX)
    while _count(width, sides[0]) * _count(height, sides[0]) > 4:
        sides.insert(0, 2 * sides[0])
    left = _MAX_TILES
    for side in sides:
        starts = [(y, x) for y in _starts(height, side) for x in _starts(width, side)]
        left -= len(starts)
        if left < 0:
            return
        if len(starts) > 1:
            for y, x in starts:
                yield x, y, np.ascontiguousarray(pixels[y : y + side, x : x + side])


def _count(length: int, side: int) -> int:
    return 1 if length <= side else 1 + -(-(length - side) // (side * 3 // 4))


def _starts(length: int, side: int) -> list[int]:
    """Starts of tiles that cover `length` and overlap by a quarter or more."""
    count = _count(length, side)
    return [0] if count == 1 else [round(i * (length - side) / (count - 1)) for i in range(count)]


def move(face: Face, left: int, top: int) -> Face:
    """A face found in a part that begins at (left, top), in coordinates of the whole."""
    x, y, width, height = face.box
    return replace(face, box=(x + left, y + top, width, height), key_points=face.key_points + np.array([left, top]))


def is_cut(face: Face, left: int, top: int, part: npt.NDArray[np.uint8], whole: npt.NDArray[np.uint8]) -> bool:
    """Whether a tile's inner edge cuts the face. A neighbouring tile, or the whole picture, shows it better."""
    x, y, width, height = face.box
    low_x, low_y = x < 0 and left > 0, y < 0 and top > 0
    high_x = x + width > part.shape[1] and left + part.shape[1] < whole.shape[1]
    high_y = y + height > part.shape[0] and top + part.shape[0] < whole.shape[0]
    return low_x or low_y or high_x or high_y


def _inside(box: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Whether the centre of a box lies in another box: then it is an eye or a mouth mistaken for a face."""
    middle = (box[:2] + box[2:]) / 2
    return np.asarray(((middle > others[:, :2]) & (middle < others[:, 2:])).all(axis=1))

"""Faces unlike the training data: covered, far, blurred, turned, drawn; and pictures without a face.

The first kinds fit the card's `familiarity`; the others only measure it, so that the report shows whether it tells
kinds of pictures that nobody fitted it to.
"""

from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt

Picture = npt.NDArray[np.uint8]
Change = Callable[[Picture], Picture]


def change_all(pictures: Picture, change: Change) -> Picture:
    """`change` of every picture (n, s, s) uint8 gray."""
    return np.stack([change(picture) for picture in pictures])


def _to_bytes(picture: "npt.NDArray[np.generic]") -> Picture:
    return np.clip(picture, 0, 255).astype(np.uint8)


def _cover(rows: slice, columns: slice) -> Change:
    """Cover a part, given in 24ths of the side, with a grainy grey that depends on the picture."""

    def cover(picture: Picture) -> Picture:
        rng = np.random.default_rng(int(picture.sum(dtype=np.int64)))
        changed, unit = picture.copy(), len(picture) / 24
        inside = tuple(slice(round(part.start * unit), round(part.stop * unit)) for part in (rows, columns))
        changed[inside] = _to_bytes(rng.integers(256) + rng.normal(0, 8, changed[inside].shape))
        return changed

    return cover


def _shrink(px: int) -> Change:
    """Reduce the face to `px` pixels and enlarge it again."""

    def shrink(picture: Picture) -> Picture:
        small = cv2.resize(picture, (px, px), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, picture.shape[::-1], interpolation=cv2.INTER_LINEAR), np.uint8)

    return shrink


def _blur(picture: Picture) -> Picture:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), len(picture) / 24), np.uint8)


def _smear(picture: Picture) -> Picture:
    """Blur along a line of about a quarter of the side, as a fast movement does in a dim room."""
    length = len(picture) // 4 | 1
    kernel = np.zeros((length, length), np.float32)
    kernel[length // 2] = 1 / length
    return np.asarray(cv2.filter2D(picture, -1, kernel), np.uint8)


def _draw(picture: Picture) -> Picture:
    """A pencil drawing of the face: the picture divided by its blurred self."""
    blurred = cv2.GaussianBlur(picture, (0, 0), 2.0)
    return _to_bytes(picture.astype(np.float32) / np.maximum(blurred, 1) * 250)


def _turn(picture: Picture) -> Picture:
    """Turn the face far to one side, in strong perspective."""
    side = len(picture)
    corners = np.array([[0, 0], [side, 0], [side, side], [0, side]], np.float32)
    near, far = 0.42 * side, 0.2 * side
    moved = np.array([[near, 0], [side, far], [side, side - far], [near, side]], np.float32)
    matrix = cv2.getPerspectiveTransform(corners, moved)
    return np.asarray(cv2.warpPerspective(picture, matrix, (side, side), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def _cartoon(picture: Picture) -> Picture:
    """Three grey levels and dark outlines."""
    flat = cv2.bilateralFilter(picture, 7, 60, 5) // 86 * 86 + 43
    return np.minimum(np.asarray(flat, np.uint8), _threshold(cv2.medianBlur(picture, 3), 7, 4))


def _line_drawing(picture: Picture) -> Picture:
    return _threshold(cv2.GaussianBlur(picture, (0, 0), 0.8), 9, 5)


def _threshold(picture: "cv2.typing.MatLike", block: int, offset: int) -> Picture:
    method = cv2.ADAPTIVE_THRESH_MEAN_C
    return np.asarray(cv2.adaptiveThreshold(picture, 255, method, cv2.THRESH_BINARY, block, offset), np.uint8)


FITTED: dict[str, Change] = {
    "covered, one side": _cover(slice(0, 24), slice(0, 12)),
    "covered, mouth and chin": _cover(slice(13, 24), slice(0, 24)),
    "covered, eyes and brow": _cover(slice(0, 12), slice(0, 24)),
    "far away: 12 px": _shrink(12),
    "out of focus": _blur,
    "smeared by movement": _smear,
    "drawn in pencil": _draw,
}
"""Kind -> the change; these fit `familiarity`, on the validation sets."""
UNSEEN: dict[str, Change] = {
    "turned far aside": _turn,
    "cartoon": _cartoon,
    "line drawing": _line_drawing,
    "lying: turned by 90°": lambda picture: np.rot90(picture).copy(),
    "upside down": lambda picture: picture[::-1, ::-1].copy(),
}
"""Kinds that only the report uses."""


def pictures_without_faces(count: int, side: int, seed: int = 0) -> Picture:
    """(count, side, side): noise, clouds, boxes and gradients, in equal numbers."""
    rng = np.random.default_rng(seed)
    kinds = (_noise, _clouds, _boxes, _gradient)
    return np.stack([kinds[i % len(kinds)](side, rng) for i in range(count)])


def _noise(side: int, rng: np.random.Generator) -> Picture:
    return rng.integers(0, 256, (side, side), dtype=np.uint8)


def _clouds(side: int, rng: np.random.Generator) -> Picture:
    small = rng.integers(0, 256, (6, 6), dtype=np.uint8)
    return np.asarray(cv2.resize(small, (side, side), interpolation=cv2.INTER_CUBIC), np.uint8)


def _boxes(side: int, rng: np.random.Generator) -> Picture:
    picture = np.full((side, side), rng.integers(256), np.uint8)
    for _ in range(8):
        first, second = rng.integers(0, side, (2, 2)).tolist()
        cv2.rectangle(picture, first, second, int(rng.integers(256)), -1 if rng.random() < 0.5 else 1)
    return picture


def _gradient(side: int, rng: np.random.Generator) -> Picture:
    begin, end = rng.integers(0, 256, 2)
    return _to_bytes(np.linspace(begin, end, side)[None, :] + rng.normal(0, 5, (side, side)))

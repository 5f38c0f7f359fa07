"""Finds the region of the face in a picture, so that the rest can be replaced or blacked out."""

import cv2
import numpy as np
import numpy.typing as npt

from convert.face.student.key_points import TYPICAL_POINTS
from device.emotions import Floats

Pictures = npt.NDArray[np.uint8]
_BLACK = 10
"""Grey levels up to this count as the black around a webfaces portrait where they connect to the border."""
_RIGHT_EYE, _LEFT_EYE, _MOUTH = 0, 1, 3


def find_black_outlines(pictures: Pictures) -> Pictures:
    """Masks (n, s, s) uint8, 255 in the face, for pictures (n, s, s) uint8 gray of a face on black."""
    return np.stack([_find_outline(picture) for picture in pictures])


def _find_outline(picture: Pictures) -> Pictures:
    padded = np.pad((picture > _BLACK).astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), 2)
    inside = np.where(padded == 2, 0, 255).astype(np.uint8)
    closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(closed[1:-1, 1:-1], np.uint8)


def average_outline(outlines: Pictures, points: Floats) -> Floats:
    """(s, s) float32, 0..1: how often each pixel belongs to the face, with eyes and mouth at their typical positions.

    `outlines` (n, s, s) are masks of 0 or 255 and `points` (n, 4, 2) their key points as shares of the side.
    """
    side = outlines.shape[1]
    total = np.zeros((side, side), np.float32)
    for outline, own in zip(outlines, points, strict=True):
        aligned = cv2.warpAffine(outline, _make_transform(own, TYPICAL_POINTS, side), (side, side))
        total += aligned.astype(np.float32) / 255
    return np.asarray(total / max(len(outlines), 1), np.float32)


def fit_outlines(average: Floats, points: Floats, side: int) -> Pictures:
    """Masks (n, side, side) uint8, 0..255: `average` (s, s) aligned to the key `points` (n, 4, 2) of each picture."""
    template = cv2.resize(np.asarray(255 * average, np.uint8), (side, side), interpolation=cv2.INTER_AREA)
    transforms = (_make_transform(TYPICAL_POINTS, own, side) for own in points)
    masks = [cv2.warpAffine(template, transform, (side, side)) for transform in transforms]
    return np.stack(masks).astype(np.uint8, copy=False)


def _make_transform(source: Floats, target: Floats, side: int) -> npt.NDArray[np.float64]:
    """(2, 3): the affine transform that maps eyes and mouth from `source` to `target`, in pixels."""
    rows = [_RIGHT_EYE, _LEFT_EYE, _MOUTH]
    pixels = np.float32(side)
    return np.asarray(cv2.getAffineTransform(source[rows] * pixels, target[rows] * pixels), np.float64)

"""Finds the region of the face in a picture, so that the rest can be replaced or blacked out."""

import cv2
import numpy as np
import numpy.typing as npt

from convert.face.student.key_points import USUAL
from device.emotions import Floats

Pictures = npt.NDArray[np.uint8]
_BLACK = 10
"""Grey levels up to this count as the black around a webfaces portrait where they connect to the border."""
_RIGHT_EYE, _LEFT_EYE, _MOUTH = 0, 1, 3


def find_black_outlines(pictures: Pictures) -> Pictures:
    """Masks (n, s, s) uint8, 255 in the face, for pictures (n, s, s) uint8 gray of a face on black."""
    return np.stack([_inside(picture) for picture in pictures])


def _inside(picture: Pictures) -> Pictures:
    padded = np.pad((picture > _BLACK).astype(np.uint8), 1)
    cv2.floodFill(padded, None, (0, 0), 2)
    inside = np.where(padded == 2, 0, 255).astype(np.uint8)
    closed = cv2.morphologyEx(inside, cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.asarray(closed[1:-1, 1:-1], np.uint8)


def average_outline(outlines: Pictures, points: Floats) -> Floats:
    """(s, s) float32, 0..1: how often each pixel belongs to the face, with eyes and mouth at their usual positions.

    `outlines` (n, s, s) are masks of 0 or 255 and `points` (n, 4, 2) their key points as shares of the side.
    """
    side = outlines.shape[1]
    total = np.zeros((side, side), np.float32)
    for outline, own in zip(outlines, points, strict=True):
        total += cv2.warpAffine(outline, _moving(own, USUAL, side), (side, side)).astype(np.float32) / 255
    return np.asarray(total / max(len(outlines), 1), np.float32)


def fit_outlines(average: Floats, points: Floats, side: int) -> Pictures:
    """Masks (n, side, side) uint8, 0..255: `average` (s, s) aligned to the key `points` (n, 4, 2) of each picture."""
    template = cv2.resize(np.asarray(255 * average, np.uint8), (side, side), interpolation=cv2.INTER_AREA)
    return np.stack([cv2.warpAffine(template, _moving(USUAL, own, side), (side, side)) for own in points]).astype(
        np.uint8, copy=False
    )


def _moving(there: Floats, here: Floats, side: int) -> npt.NDArray[np.float64]:
    """(2, 3): the affine transform that maps eyes and mouth from `there` to `here`, in pixels."""
    rows = [_RIGHT_EYE, _LEFT_EYE, _MOUTH]
    return np.asarray(cv2.getAffineTransform(there[rows] * np.float32(side), here[rows] * np.float32(side)), np.float64)

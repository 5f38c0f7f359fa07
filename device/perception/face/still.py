"""Faces in a still picture: no next frame comes, so every way of looking is tried before nobody is said to be there."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from device.perception.face.detector import FaceDetector
from device.perception.face.tiles import find_everywhere
from device.perception.face.two_stage import TwoStageDetector
from device.readings import Face

_AIRS = (1.0, 0.5)
"""What is added on each side, in sides of the picture; the second finds some that the first does not."""
_AIRED_PX = 480
"""A larger picture is shrunk to this before the air is added: its face fills it."""
_MIN_PX = 0.5
"""What is narrower after that is gone: a line of a thousand to one shows no face."""


def find_in_still(detector: TwoStageDetector, pixels: npt.NDArray[np.uint8]) -> list[Face]:
    """Faces of every size in (h, w, 3) uint8 RGB, the surest first.

    Where there are none: one that fills the picture, or large ones that are only likely.
    """
    found = find_everywhere(detector, pixels)
    if found:
        return found
    doubting = detector.doubting()
    for less_sure in (find_in_air(detector, pixels), doubting.find(pixels), find_in_air(doubting, pixels)):
        large = [face for face in less_sure if is_large(face, pixels)]
        if large:
            return large
    return []


def is_large(face: Face, pixels: npt.NDArray[np.uint8]) -> bool:
    """Whether a face is what a picture (h, w, 3) shows: a quarter of its shorter side at least. Patterns seldom are."""
    return bool(face.box[2] >= min(pixels.shape[:2]) / 4)


def find_in_air(detector: FaceDetector, pixels: npt.NDArray[np.uint8]) -> list[Face]:
    """Faces that reach to the border, as in pictures that were cut to the face.

    The detectors were trained on faces with air around them, and FER2013's have none (`python -m convert reach`).
    """
    scale = min(1.0, _AIRED_PX / max(pixels.shape[:2]))
    if min(pixels.shape[:2]) * scale <= _MIN_PX:
        return []
    small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else pixels
    for share in _AIRS:
        air = round(share * max(small.shape[:2]))
        aired = cv2.copyMakeBorder(small, air, air, air, air, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
        found = detector.find(aired)
        if found:
            return [_back(face, air, scale) for face in found]
    return []


def _back(face: Face, air: int, scale: float) -> Face:
    """A face of the aired picture, where it is in the picture."""
    x, y, width, height = face.box
    box = (x - air) / scale, (y - air) / scale, width / scale, height / scale
    return replace(face, box=box, key_points=((face.key_points - air) / scale).astype(np.float32))

"""Faces in a still picture. There is no next frame, so every kind of search is tried before giving up."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from device.perception.face.detector import FaceDetector
from device.perception.face.tiles import find_everywhere
from device.perception.face.two_stage import TwoStageDetector
from device.readings import Face

_AIRS = (1.0, 0.5)
"""Borders to add on each side, in sides of the picture; the second finds some faces that the first misses."""
_AIRED_PX = 480
"""A larger picture is shrunk to this before the border is added: its face fills it."""
_MIN_PX = 0.5
"""A picture narrower than this, after shrinking, shows no face."""


def find_in_still(detector: TwoStageDetector, pixels: npt.NDArray[np.uint8]) -> list[Face]:
    """Faces of every size in (h, w, 3) uint8 RGB, the surest first.

    If there are none: a face that fills the picture, or large ones with a lower score.
    """
    found = find_everywhere(detector, pixels)
    if found:
        return found
    lenient = detector.lenient()
    for faces in (find_in_air(detector, pixels), lenient.find(pixels), find_in_air(lenient, pixels)):
        large = [face for face in faces if is_large(face, pixels)]
        if large:
            return large
    return []


def is_large(face: Face, pixels: npt.NDArray[np.uint8]) -> bool:
    """Whether a face takes a quarter of a picture's (h, w, 3) shorter side or more. Patterns rarely do."""
    return bool(face.box[2] >= min(pixels.shape[:2]) / 4)


def find_in_air(detector: FaceDetector, pixels: npt.NDArray[np.uint8]) -> list[Face]:
    """Faces that reach the border, found by adding a border, as in pictures cropped to the face.

    The detectors were trained on faces with space around them; FER2013's have none (`python -m convert
    detection-range`).
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
    """A face of the picture with the border, in coordinates of the picture."""
    x, y, width, height = face.box
    box = (x - air) / scale, (y - air) / scale, width / scale, height / scale
    return replace(face, box=box, key_points=((face.key_points - air) / scale).astype(np.float32))

"""Compares two crops of one face: would they be read alike, and how far has the face moved between them?"""

import math
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from device.perception.face.align import EYE_DISTANCE
from device.perception.face.classifier import face_input
from device.perception.models.inputs import FACE_PX
from device.readings import Face

_MAX_DIFFERENCE = 0.2
"""The largest difference at any place between two crops that look alike, in standard deviations of the face. On a face
of 48 px, sensor noise causes up to 0.08, a smile 0.33 or more, and a speaking mouth 0.4 between two words."""
_PLACES = 12
"""Places across a crop. Each is 4 px wide, about the size of a corner of the mouth."""
_MIN_RESPONSE = 0.5
"""Minimum peak of the phase correlation. A face compared with itself 0.2 s later has 0.6 or more."""
_MAX_SHIFT = 0.2
"""As a share of the crop's side."""
_HANNING = np.asarray(cv2.createHanningWindow((FACE_PX, FACE_PX), cv2.CV_32F), np.float32)


def look_alike(one: npt.NDArray[np.uint8], other: npt.NDArray[np.uint8]) -> bool:
    """Whether the network would read two crops, (side, side) uint8, alike."""
    difference = face_input(one)[0, :, :, 0] - face_input(other)[0, :, :, 0]
    places = cv2.resize(difference, (_PLACES, _PLACES), interpolation=cv2.INTER_AREA)
    return bool(np.abs(places).max() < _MAX_DIFFERENCE)


def follow_shift(face: Face, crop: npt.NDArray[np.uint8]) -> Face | None:
    """`face` moved by the shift between its own crop and `crop`, cut at the same place; None if it is another face.

    Kuglin and Hines 1975, "The phase correlation image alignment method": 0.03 ms, to a tenth of a pixel.
    """
    if face.crop is None:
        return None
    one, other = (face_input(c)[0, :, :, 0] for c in (face.crop, crop))
    (across, down), response = cv2.phaseCorrelate(one, other, _HANNING)
    if response < _MIN_RESPONSE or math.hypot(across, down) > _MAX_SHIFT * len(crop):
        return None
    eyes = face.key_points[1] - face.key_points[0]
    angle, scale = math.atan2(eyes[1], eyes[0]), float(np.hypot(*eyes)) / (EYE_DISTANCE * len(crop))
    cos, sin = scale * math.cos(angle), scale * math.sin(angle)
    right, low = across * cos - down * sin, across * sin + down * cos
    x, y, width, height = face.box
    key_points = face.key_points + np.array([right, low], np.float32)
    return replace(face, box=(x + right, y + low, width, height), key_points=key_points)


def midway(one: Face, other: Face) -> Face:
    """The mean of two looks at one face."""
    x, y, width, height = (float(side) for side in (np.array(one.box) + other.box) / 2)
    points = np.asarray((one.key_points + other.key_points) / 2, np.float32)
    return replace(one, box=(x, y, width, height), key_points=points)

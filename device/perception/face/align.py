"""Cuts the aligned crop that the network reads out of a picture with a face."""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from device.perception.models.inputs import FACE_PX
from device.readings import Face

# Where the eyes are in FER2013's faces, in shares of the side. The medians over PublicTest are 0.36-0.37 and 0.39-0.40
# (10 % to 90 %: 0.27-0.43 and 0.30-0.46). `python -m convert framing` measures them.
EYE_DISTANCE = 0.37
EYE_HEIGHT = 0.39

_AIR = 0.6
"""How far a crop, even a tilted one, may reach beyond the box, in face sizes."""

Gray = npt.NDArray[np.uint8]


def aligned_crop(gray: Gray, face: Face, side: int = FACE_PX) -> Gray:
    """The face with its eyes level, framed as in the corpus: (h, w) uint8 gray -> (side, side) uint8.

    Outside the picture, its border is repeated. A large face is first shrunk by area: sampling single pixels of it
    would turn noise into wrinkles.
    """
    right, left = face.key_points[0], face.key_points[1]
    across = left - right
    # In a profile the eyes nearly coincide, and the scale comes from the box.
    distance = max(float(np.hypot(*across)), 0.22 * face.box[2])
    scale = EYE_DISTANCE * side / distance
    angle = float(np.arctan2(across[1], across[0])) if distance > 0 else 0.0
    middle = (right + left) / 2
    if scale < 0.5:
        small, offset, shrink = _shrunk(gray, face, scale)
        middle, scale = (middle - offset) * shrink, scale / shrink
    else:
        small = gray
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    matrix = np.array([[cos, sin, 0], [-sin, cos, 0]])
    matrix[:, 2] = np.array([side / 2, EYE_HEIGHT * side]) - matrix[:, :2] @ middle
    crop = cv2.warpAffine(small, matrix, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return crop.astype(np.uint8, copy=False)


def cut_out(pixels: npt.NDArray[np.uint8], face: Face) -> Gray:
    """`aligned_crop` of (h, w, 3) uint8 RGB; only the part that the crop needs is converted to gray."""
    x, y, width, height = face.box
    air = _AIR * max(width, height)
    left, top = max(int(x - air), 0), max(int(y - air), 0)
    part = pixels[top : int(y + height + air) + 1, left : int(x + width + air) + 1]
    if not part.size:  # the box is outside the picture
        left, top, part = 0, 0, pixels
    key_points = face.key_points - np.array([left, top], np.float32)
    return aligned_crop(_gray(part), replace(face, box=(x - left, y - top, width, height), key_points=key_points))


def _gray(pixels: npt.NDArray[np.uint8]) -> Gray:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def _shrunk(gray: Gray, face: Face, scale: float) -> tuple[Gray, npt.NDArray[np.float32], float]:
    """The part of the picture around a large face, shrunk to about its final size: (part, its corner in px, factor)."""
    x, y, width, height = face.box
    left, top = max(int(x - _AIR * width), 0), max(int(y - _AIR * height), 0)
    part = gray[top : int(y + (1 + _AIR) * height) + 1, left : int(x + (1 + _AIR) * width) + 1]
    size = max(round(part.shape[1] * scale), 1), max(round(part.shape[0] * scale), 1)
    shrunk = cv2.resize(part, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    return shrunk, np.array([left, top], np.float32), scale


def face_of_whole_picture(pixels: npt.NDArray[np.uint8]) -> Face:
    """Makes a Face of a picture already cropped to one (`--crop`): uint8 gray (h, w) or RGB (h, w, 3)."""
    gray = _gray(pixels) if pixels.ndim == 3 else pixels
    height, width = gray.shape
    method = cv2.INTER_AREA if min(height, width) > FACE_PX else cv2.INTER_LINEAR
    crop = cv2.resize(gray, (FACE_PX, FACE_PX), interpolation=method).astype(np.uint8, copy=False)
    half = EYE_DISTANCE / 2
    eyes = [[0.5 - half, EYE_HEIGHT], [0.5 + half, EYE_HEIGHT], [0.5, 0.6], [0.5, 0.77], [0.1, 0.45], [0.9, 0.45]]
    points = (np.array(eyes) * [width, height]).astype(np.float32)
    return Face((0.0, 0.0, float(width), float(height)), 1.0, points, crop)

"""Portraits that move: a picture of one face turns, tilts and talks, and is cropped as the device crops it.

The pictures are already cropped to a face, so the device's detector finds each face once, and its alignment frames it.
Pasting it into a drawn room and detecting it again 18,000 times an hour would only return the same eyes with some
jitter, which `Pose` has too. The talking mouth is the one of `convert.face.student.living_room`, which needs PyTorch.
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from convert.face.student.outlines import find_black_outlines
from device.emotions import Floats
from device.perception.face.align import EYE_DISTANCE, EYE_HEIGHT, aligned_crop
from device.perception.models.inputs import FACE_PX
from device.readings import Face

Pixels = npt.NDArray[np.uint8]

_CANVAS_PX = 2 * FACE_PX
_BLACK_PX = 16
"""Black added around a face on black, so that its crop does not repeat the face's own edge."""
_MOUTH = 3
_EYES = 2 * EYE_DISTANCE
"""The distance of the eyes in a crop whose coordinates are -1..1."""
_BOX_PER_EYES = 2.3
"""Width of the detectors' box, in eye distances."""
_NOSE_PER_LEAN = 1.7
"""How far the nose moves with `Pose.lean`, in eye distances: at a lean of 0.3, about 45°, it is under one eye."""
_across = ((2 * np.arange(FACE_PX, dtype=np.float32) + 1) / FACE_PX - 1).astype(np.float32)
_X, _Y = np.meshgrid(_across, _across)


@dataclass(frozen=True)
class Portrait:
    """A face with its eyes where the device's crops have them."""

    canvas: Floats
    """(96, 96) of 0..255."""
    mouth: tuple[float, float]
    """The middle of the mouth, -1..1 from left to right and from top to bottom."""
    emotion: int
    """Index of EMOTIONS, or `labels.NONE` where the dataset does not say."""
    source: str
    """The dataset."""


@dataclass(frozen=True)
class Pose:
    """How a face is seen at one moment; the default is straight, at the place where the detector expects it."""

    lean: tuple[float, float] = (0.0, 0.0)
    """Turned to the side, and up or down: the difference in depth over half a crop. 0.13 is about 20°."""
    shift: tuple[float, float] = (0.0, 0.0)
    """How far the detector misplaces the eyes, in half sides of the crop."""
    scale: float = 1.0
    roll: float = 0.0
    """In radians."""


@dataclass(frozen=True)
class Mouth:
    """The shape of a talking mouth; see `living_room._Mouths`."""

    opening: float = 0.0
    """In eye distances: 0.3 is wide open."""
    narrow: float = 0.0
    half_width: float = 0.25
    """In eye distances."""
    level: float = 0.3
    """Brightness inside the mouth, relative to the skin."""
    teeth: float = 0.0
    """The share of the opening that shows upper teeth."""


def make_portrait(
    picture: Pixels, points: Floats, emotion: int, source: str, surroundings: Pixels | None = None
) -> Portrait:
    """Align a picture (s, s) uint8 gray by its key `points` (4, 2): eyes, nose and mouth as shares of the side.

    `surroundings` (48, 48), a picture of another face, replaces the black around a face that was cut out.
    """
    pixels = points * picture.shape[0]
    if surroundings is None:
        canvas = _align(picture, pixels).astype(np.float32)
    else:
        picture, pixels = np.pad(picture, _BLACK_PX), pixels + np.float32(_BLACK_PX)
        canvas = _align(picture, pixels).astype(np.float32)
        inside = _align(find_black_outlines(picture[None])[0], pixels).astype(np.float32) / 255
        around = cv2.resize(surroundings, (_CANVAS_PX, _CANVAS_PX), interpolation=cv2.INTER_CUBIC).astype(np.float32)
        face = canvas[inside > 0.5] if (inside > 0.5).any() else canvas
        around = (around - around.mean()) * (face.std() / max(float(around.std()), 8.0)) + face.mean()
        weight = cv2.GaussianBlur(cv2.erode(inside, np.ones((9, 9), np.uint8)), (0, 0), 2.0)
        canvas = np.clip(around * (1 - weight) + canvas * weight, 0, 255)
    right, left, mouth = pixels[0], pixels[1], pixels[_MOUTH]
    across = left - right
    turn = -float(np.arctan2(across[1], across[0]))
    cos, sin = np.cos(turn), np.sin(turn)
    away = np.array([[cos, -sin], [sin, cos]]) @ (mouth - (right + left) / 2) / max(float(np.hypot(*across)), 1.0)
    place = float(_EYES * away[0]), float(2 * EYE_HEIGHT - 1 + _EYES * away[1])
    return Portrait(np.asarray(canvas, np.float32), place, emotion, source)


def _align(picture: Pixels, points: Floats) -> Pixels:
    side = float(picture.shape[0])
    return aligned_crop(picture, Face((0.0, 0.0, side, side), 1.0, points.astype(np.float32)), _CANVAS_PX)


def draw_crop(portrait: Portrait, pose: Pose, mouth: Mouth) -> Floats:
    """(48, 48) float32 of 0..255: the portrait as the network gets it."""
    (lean_x, lean_y), (shift_x, shift_y) = pose.lean, pose.shift
    cos, sin = pose.scale * np.cos(pose.roll), pose.scale * np.sin(pose.roll)
    x, y = cos * _X - sin * _Y + shift_x, sin * _X + cos * _Y + shift_y
    depth = 1 + lean_x * x + lean_y * y
    x, y = x / depth, y / depth
    dx, dy = x - portrait.mouth[0], y - portrait.mouth[1]
    opening = mouth.opening * _EYES
    fall = np.exp(-((dx / (0.6 * _EYES)) ** 2))
    below = np.where(dy > 0, np.maximum(dy - opening * fall, 0), dy)
    near = np.exp(-(dx**2 + dy**2) / (0.45 * _EYES) ** 2)
    from_x, from_y = portrait.mouth[0] + dx * (1 + mouth.narrow * near), portrait.mouth[1] + below
    half = _CANVAS_PX / 2
    columns = (half * (from_x + 1) - 0.5).astype(np.float32)
    rows = (half * (from_y + 1) - 0.5).astype(np.float32)
    crop = cv2.remap(portrait.canvas, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return _paint_mouth(np.asarray(crop, np.float32), dx, dy - opening / 2, opening / 2, mouth)


def _paint_mouth(crop: Floats, dx: Floats, dy: Floats, height: float, mouth: Mouth) -> Floats:
    """Paint the dark inside of an open mouth, `height` high around its middle, some with upper teeth."""
    if height <= 1e-3:
        return crop
    inside = 1 - (dx / (mouth.half_width * _EYES)) ** 2 - (dy / height) ** 2
    cover = 1 / (1 + np.exp(-np.clip(inside * height / 0.03, -30, 30)))
    skin = float(crop.mean())
    inner = np.where((dy / height < -1 + 2 * mouth.teeth) & (mouth.teeth > 0), 1.1 * skin, mouth.level * skin)
    return np.asarray(crop + cover * (inner - crop), np.float32)


def place_in_frame(pose: Pose, width_px: float, track: int, crop: Pixels) -> Face:
    """The Face that the device would report for a crop: a box of `width_px`, and the nose where the pose puts it."""
    eyes = width_px / _BOX_PER_EYES
    middle = width_px / 2
    nose = middle + _NOSE_PER_LEAN * pose.lean[0] * eyes
    points = [[middle - eyes / 2, 0.4], [middle + eyes / 2, 0.4], [nose, 0.6], [middle, 0.8], [0, 0.5], [1, 0.5]]
    return Face((0.0, 0.0, width_px, width_px), 0.9, np.array(points, np.float32), crop, track)

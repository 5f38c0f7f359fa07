"""Rooms for inserting faces and for measuring false detections: photographs without people, and drawn patterns."""

import cv2
import numpy as np
import numpy.typing as npt

_BOX = 0.85
"""Width of the detectors' box in a FER2013 picture, relative to its side: the median over 80."""

Pixels = npt.NDArray[np.uint8]

_WIDTH, _HEIGHT = 640, 480
_PHOTOGRAPHS = ("coffee", "rocket", "brick", "grass", "gravel", "hubble_deep_field", "moon", "page", "clock")
"""From scikit-image, without its cat, which has a face, and its coins, which have emperors'."""


def draw_room(rng: np.random.Generator) -> Pixels:
    """(480, 640, 3) uint8 RGB with nobody in it."""
    return _crop_photograph(rng) if rng.random() < 0.4 else _draw_pattern(rng)


def _crop_photograph(rng: np.random.Generator) -> Pixels:
    from skimage import data

    picture = getattr(data, str(rng.choice(_PHOTOGRAPHS)))()
    colours = np.repeat(picture[:, :, None], 3, axis=2) if picture.ndim == 2 else picture[:, :, :3]
    scale = max(_HEIGHT / colours.shape[0], _WIDTH / colours.shape[1]) * rng.uniform(1, 1.6)
    size = int(np.ceil(colours.shape[1] * scale)), int(np.ceil(colours.shape[0] * scale))
    large = cv2.resize(colours, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    y, x = (int(rng.integers(0, n)) for n in (large.shape[0] - _HEIGHT + 1, large.shape[1] - _WIDTH + 1))
    return large[y : y + _HEIGHT, x : x + _WIDTH].astype(np.uint8)


def _draw_pattern(rng: np.random.Generator) -> Pixels:
    """Draw light from one side, furniture, round objects, cables and stains, out of focus, with sensor noise."""
    y, x = np.mgrid[:_HEIGHT, :_WIDTH].astype(np.float32)
    slope = rng.normal(0, 0.08) * (x - _WIDTH / 2) + rng.normal(0, 0.08) * (y - _HEIGHT / 2)
    picture = (rng.uniform(30, 200, 3) + slope[:, :, None]).astype(np.float32)
    for _ in range(rng.integers(6, 26)):
        left, top = int(rng.integers(-50, _WIDTH)), int(rng.integers(-50, _HEIGHT))
        width, height = (int(side) for side in rng.integers(10, 260, 2))
        colour = tuple(float(level) for level in rng.uniform(10, 245, 3))
        kind = rng.integers(4)
        if kind == 0:
            cv2.rectangle(picture, (left, top), (left + width, top + height), colour, -1)
        elif kind == 1:
            axes = width // 2 + 1, height // 2 + 1
            cv2.ellipse(picture, (left, top), axes, float(rng.uniform(0, 180)), 0, 360, colour, -1)
        elif kind == 2:
            cv2.line(picture, (left, top), (left + width, top + height), colour, int(rng.integers(1, 12)))
        else:
            part = picture[max(top, 0) : top + height, max(left, 0) : left + width]
            if part.size:
                part += _draw_stains(rng, rng.uniform(5, 50), 20, part.shape[1], part.shape[0])
    picture += rng.uniform(0, 1) * _draw_stains(rng, 20, 60, _WIDTH, _HEIGHT)
    blurred = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.5, 3))
    return np.clip(blurred + rng.normal(0, rng.uniform(1, 6), picture.shape), 0, 255).astype(np.uint8)


def _draw_stains(
    rng: np.random.Generator, deviation: float, finest: int, width: int, height: int
) -> npt.NDArray[np.float32]:
    coarse = rng.normal(0, deviation, (*rng.integers(2, finest, 2), 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


def add_face(
    picture: Pixels, face: npt.NDArray[np.uint8], width_px: int, rng: np.random.Generator
) -> tuple[Pixels, tuple[float, float, float, float]]:
    """Put `face` (48, 48) uint8 gray into `picture` at a random place, tilted up to 20°, up to 30 % lighter or darker.

    `width_px` is the width of a detector's box. Returns (picture, box). Half of the faces have soft round edges, half
    the hard edges of the square.
    """
    side_px = round(width_px / _BOX)
    fine = 4 * side_px
    large = cv2.resize(face, (fine, fine), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    light = 1 + rng.uniform(-0.3, 0.3)
    large = np.asarray(cv2.GaussianBlur(large * light, (0, 0), 1.6), np.float32)
    mask = np.ones((fine, fine), np.float32)
    if rng.random() < 0.5:
        mask[:] = 0
        cv2.ellipse(mask, (fine // 2, fine // 2), (int(0.47 * fine), fine // 2), 0, 0, 360, (1.0,), -1)
        mask = np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.12 * side_px), np.float32)
    patch = int(1.5 * side_px)
    matrix = np.asarray(cv2.getRotationMatrix2D((fine / 2, fine / 2), rng.uniform(-20, 20), 0.25), np.float64)
    matrix[:, 2] += patch / 2 - fine / 2
    head = cv2.warpAffine(large, matrix, (patch, patch), borderMode=cv2.BORDER_REPLICATE)[:, :, None]
    weight = cv2.warpAffine(mask, matrix, (patch, patch))[:, :, None]
    x, y = int(rng.integers(0, _WIDTH - patch)), int(rng.integers(0, _HEIGHT - patch))
    result = picture.copy()
    under = result[y : y + patch, x : x + patch]
    result[y : y + patch, x : x + patch] = np.clip(under * (1 - weight) + head * weight, 0, 255).astype(np.uint8)
    corner = (patch - width_px) / 2
    return result, (x + corner, y + corner, float(width_px), float(width_px))

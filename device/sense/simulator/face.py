"""Draws a face from nine numbers. It is not based on a picture of any person."""

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Points = npt.NDArray[np.float64]
_SHIFT = 4  # cv2 draws at a sixteenth of a pixel, so that motion is smooth


class Pose(NamedTuple):
    """An expression. Each number is about -1..1; 0 is a neutral face."""

    brow_raise: float = 0.0
    brow_frown: float = 0.0
    """Positive: the inner ends go down and together; negative: up, as in grief."""
    eye_open: float = 0.0
    mouth_curve: float = 0.0
    """Corners up."""
    mouth_open: float = 0.0
    mouth_wide: float = 0.0
    teeth: float = 0.0
    cheeks: float = 0.0
    """Raised, with the fold from nose to mouth."""
    nose_wrinkle: float = 0.0

    def interpolate(self, other: "Pose", share: float) -> "Pose":
        """A pose between this one (0) and another (1)."""
        return Pose(*((1 - share) * a + share * b for a, b in zip(self, other, strict=True)))


def draw(canvas: Pixels, centre: tuple[float, float], height_px: float, pose: Pose, blink: float = 0.0) -> None:
    """Draw onto `canvas`, (h, w, 3) uint8 RGB. `height_px`: crown to chin. `blink`: 0 open to 1 closed."""
    pen = _Pen(canvas, centre, height_px / 2)
    _head(pen)
    for side in (-1.0, 1.0):
        _eye(pen, side, pose, blink)
        _brow(pen, side, pose)
    _nose(pen, pose)
    _mouth(pen, pose)
    _folds(pen, pose)


class _Pen:
    """Draws in the face's own coordinates: x right, y down, the chin at y = 1."""

    def __init__(self, canvas: Pixels, centre: tuple[float, float], unit_px: float) -> None:
        self.canvas, self.centre, self.unit = canvas, np.array(centre), unit_px

    def _to_fixed_point(self, points: Points) -> npt.NDArray[np.int32]:
        return np.asarray(np.round((points * self.unit + self.centre) * 2**_SHIFT), np.int32)

    def fill(self, points: Points, colour: tuple[int, int, int]) -> None:
        cv2.fillPoly(self.canvas, [self._to_fixed_point(points)], colour, cv2.LINE_AA, _SHIFT)

    def line(self, points: Points, width: float, colour: tuple[int, int, int]) -> None:
        thick = max(round(width * self.unit), 1)
        cv2.polylines(self.canvas, [self._to_fixed_point(points)], False, colour, thick, cv2.LINE_AA, _SHIFT)

    def shade(self, points: Points, strength: float, blur: float) -> None:
        """Darken the area inside `points` with soft edges; a negative strength lightens it."""
        low = (points.min(axis=0) - 3 * blur) * self.unit + self.centre
        high = (points.max(axis=0) + 3 * blur) * self.unit + self.centre
        x0, y0 = np.maximum(low, 0).astype(int)
        x1, y1 = np.minimum(high + 1, self.canvas.shape[1::-1]).astype(int)
        if x1 <= x0 or y1 <= y0:
            return
        mask = np.zeros((y1 - y0, x1 - x0), np.float32)
        moved = np.round(points * self.unit + self.centre - [x0, y0]).astype(np.int32)
        cv2.fillPoly(mask, [moved], 1.0)
        soft = cv2.GaussianBlur(mask, (0, 0), max(blur * self.unit, 0.5))[:, :, None]
        part = self.canvas[y0:y1, x0:x1]
        part[:] = np.clip(part * (1 - strength * soft), 0, 255).astype(np.uint8)


def _arc(cx: float, cy: float, rx: float, ry: float, start: float = 0.0, stop: float = 360.0) -> Points:
    a = np.radians(np.linspace(start, stop, 40))
    return np.stack([cx + rx * np.cos(a), cy + ry * np.sin(a)], axis=1)


def _band(x: Points, top: Points, bottom: Points) -> Points:
    """The outline of the area between two lines over `x`, each (n,): (2n, 2)."""
    return np.concatenate([np.stack([x, top], 1), np.stack([x, bottom], 1)[::-1]])


_SKIN, _HAIR, _LIP = (214, 172, 146), (58, 42, 34), (168, 92, 88)


def _head(pen: _Pen) -> None:
    pen.fill(np.array([[-0.36, 0.6], [0.36, 0.6], [0.4, 1.5], [-0.4, 1.5]]), (190, 148, 124))  # neck
    pen.fill(np.array([[-1.2, 2.2], [-1.0, 1.35], [-0.35, 1.15], [0.35, 1.15], [1.0, 1.35], [1.2, 2.2]]), (70, 84, 110))
    pen.fill(_arc(0, -0.28, 0.84, 0.86), _HAIR)
    for side in (-1, 1):
        pen.fill(_arc(side * 0.73, 0.08, 0.11, 0.2), (196, 150, 126))
    a = np.linspace(0, 2 * np.pi, 60)
    # Narrower at the chin than an ellipse.
    x, y = 0.72 * np.cos(a), 0.94 * np.sin(a)
    pen.fill(np.stack([x * (1 - 0.16 * np.clip(y, 0, 1) ** 2), y + 0.04], axis=1), _SKIN)
    pen.fill(np.concatenate([_arc(0, -0.45, 0.74, 0.52, 180, 360), _arc(0, -0.45, 0.7, 0.16, 0, -180)]), _HAIR)
    for side in (-1, 1):
        pen.shade(_arc(side * 0.66, 0.15, 0.14, 0.7), 0.28, 0.09)
        pen.shade(_arc(side * 0.36, 0.3, 0.16, 0.12), -0.07, 0.08)
    pen.shade(_arc(0, 0.98, 0.5, 0.1), 0.25, 0.08)
    pen.shade(_arc(0, -0.36, 0.4, 0.12), -0.06, 0.1)


def _eye(pen: _Pen, side: float, pose: Pose, blink: float) -> None:
    x, y = side * 0.3, -0.08
    opening = max(0.075 * (1 + 0.75 * pose.eye_open) - 0.02 * max(pose.cheeks, 0), 0.012) * (1 - 0.92 * blink)
    pen.shade(_arc(x, y - 0.06, 0.2, 0.12), 0.22, 0.05)
    t = np.linspace(-1, 1, 21)
    # Grief raises the inner end of the upper lid; anger lowers it.
    tilt = 0.035 * pose.brow_frown * -side * t
    upper = np.stack([x + 0.15 * t, y - opening * (1 - t**2) ** 0.7 + np.minimum(tilt, 0.6 * opening)], axis=1)
    lower = np.stack([x + 0.15 * t, y + 0.75 * opening * (1 - t**2) ** 0.8], axis=1)
    pen.fill(np.concatenate([upper, lower[::-1]]), (238, 234, 228))
    iris = _arc(x, y - 0.005, 0.068, 0.068)
    # Keep only the part of the iris between the lids.
    top = np.interp(iris[:, 0], upper[:, 0], upper[:, 1])
    bottom = np.interp(iris[:, 0], lower[:, 0], lower[:, 1])
    pen.fill(np.stack([iris[:, 0], np.clip(iris[:, 1], top, bottom)], axis=1), (70, 82, 66))
    pupil = _arc(x, y - 0.005, 0.032, 0.032)
    pupil[:, 1] = np.clip(pupil[:, 1], y - opening, y + 0.75 * opening)
    pen.fill(pupil, (16, 14, 14))
    if opening > 0.04:
        pen.fill(_arc(x - 0.02, y - 0.03, 0.013, 0.013), (250, 250, 250))
    pen.line(upper, 0.028, (44, 30, 26))
    pen.line(lower, 0.012, (120, 84, 72))
    pen.line(upper + np.array([0, -0.045]), 0.012, (158, 116, 98))
    pen.shade(_arc(x, y + 0.14 - 0.04 * pose.cheeks, 0.13, 0.03), 0.08 + 0.16 * max(pose.cheeks, 0), 0.02)


def _brow(pen: _Pen, side: float, pose: Pose) -> None:
    t = np.linspace(0, 1, 16)  # from the inner end outwards
    inner = 0.13 - 0.035 * max(pose.brow_frown, 0)
    x = side * (inner + 0.36 * t)
    y = -0.27 - 0.12 * pose.brow_raise + 0.13 * pose.brow_frown * (1 - t) ** 1.5 - 0.05 * np.sin(np.pi * t**0.8)
    thick = 0.036 * (1 - 0.55 * t) + 0.012
    pen.fill(_band(x, y - thick, y + thick), _HAIR)


def _nose(pen: _Pen, pose: Pose) -> None:
    for side in (-1, 1):
        flank = np.array([[0.06, -0.12], [0.1, 0.25], [0.14, 0.25], [0.1, -0.12]]) * [side, 1]
        pen.shade(flank, 0.16, 0.03)
        pen.fill(_arc(side * 0.055, 0.315 - 0.02 * pose.nose_wrinkle, 0.026, 0.014), (98, 60, 52))
        start, stop = (-60, 80) if side > 0 else (100, 240)
        pen.line(_arc(side * 0.1, 0.28 - 0.03 * pose.nose_wrinkle, 0.045, 0.06, start, stop), 0.014, (150, 106, 90))
    pen.shade(_arc(0, 0.36, 0.12, 0.03), 0.2, 0.025)
    pen.shade(_arc(0, 0.1, 0.03, 0.16), -0.08, 0.02)
    if pose.nose_wrinkle > 0.05:
        for y in (-0.02, 0.04, 0.1):
            wrinkle = np.array([[-0.07, y + 0.02], [0, y], [0.07, y + 0.02]])
            pen.line(wrinkle, 0.01 + 0.008 * pose.nose_wrinkle, (152, 108, 92))


def _mouth(pen: _Pen, pose: Pose) -> None:
    half = 0.26 * (1 + 0.38 * pose.mouth_wide)
    y = 0.58 - 0.02 * pose.nose_wrinkle
    t = np.linspace(-1, 1, 31)
    gap = max(pose.mouth_open, 0) * 0.24
    bend = -0.13 * pose.mouth_curve * (t**2 - 0.35)
    upper = y + bend - 0.35 * gap * (1 - t**2)
    lower = y + bend + 0.8 * gap * (1 - t**2) ** 0.8
    x = half * t
    lip_up = upper - (0.045 - 0.014 * np.exp(-((t / 0.16) ** 2))) * (1 - t**2) ** 0.6
    lip_down = lower + 0.07 * (1 - t**2) ** 0.7
    pen.shade(_arc(0, y + 0.2 + 0.8 * gap, 0.18, 0.03), 0.2, 0.03)
    pen.fill(_band(x, lip_up, lip_down), _LIP)
    if gap > 0.015:
        pen.fill(_band(x, upper, lower), (58, 22, 24))
        if pose.teeth > 0.05:
            edge = upper + np.minimum(0.1 * pose.teeth, 0.85 * (lower - upper))
            inner = np.abs(t) < 0.92
            pen.fill(_band(x[inner], upper[inner], edge[inner]), (240, 236, 226))
    else:
        pen.line(np.stack([x, (upper + lower) / 2], 1), 0.016, (92, 44, 44))
    for side in (-1, 1):
        pen.shade(_arc(side * (half + 0.03), y - 0.085 * pose.mouth_curve, 0.03, 0.03), 0.25, 0.02)


def _folds(pen: _Pen, pose: Pose) -> None:
    for side in (-1, 1):
        depth = 0.12 + 0.3 * max(pose.cheeks, pose.nose_wrinkle, 0)
        wide = 0.36 + 0.06 * pose.mouth_wide
        line = np.array([[0.13, 0.26], [0.24, 0.36], [wide, 0.52]]) * [side, 1]
        pen.shade(np.concatenate([line, (line + np.array([0.03 * side, 0.015]))[::-1]]), depth, 0.018)
    if pose.brow_frown > 0.15:
        for side in (-1, 1):
            line = np.array([[side * 0.045, -0.34], [side * 0.035, -0.2]])
            pen.line(line, 0.012 + 0.012 * pose.brow_frown, (146, 102, 86))
    if pose.brow_raise > 0.2:
        x = np.linspace(-0.34, 0.34, 12)
        curve = 0.03 * np.linspace(-1, 1, 12) ** 2
        for y in (-0.5, -0.57):
            pen.line(np.stack([x, y + curve], 1), 0.012, (176, 134, 112))

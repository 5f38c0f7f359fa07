"""Detects faces in a picture: MediaPipe's BlazeFace networks, with our own decoding.

Source: Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond neural face detection on mobile GPUs". The anchors and
the weighted non-maximum suppression follow MediaPipe's published graph settings (Apache-2.0); a test compares the
result with MediaPipe's on the same pictures.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.errors import ModelError
from device.perception.models.card import MODELS
from device.perception.tflite import Network
from device.readings import Face

Pixels = npt.NDArray[np.uint8]
_OVERLAP = 0.3
"""Boxes with more overlap (intersection over union) belong to one face."""
_MAX_WARP_PX = 32_766
"""The longest side that OpenCV's warpAffine accepts."""


class FaceDetector(Protocol):
    """Finds faces in a picture."""

    def find(self, pixels: Pixels) -> list[Face]:
        """Faces in (h, w, 3) uint8 RGB, most confident first."""


@dataclass(frozen=True)
class DetectorSpec:
    """One of the two networks."""

    file: str
    sha256: str
    side_px: int
    grids: tuple[tuple[int, int], ...]
    """(cells a side, anchors a cell)."""


SHORT_RANGE = DetectorSpec(
    "face_detection_short_range.tflite",
    "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8",
    128,
    ((16, 2), (8, 6)),
)
FULL_RANGE = DetectorSpec(
    "face_detection_full_range_sparse.tflite",
    "2c3728e6da56f21e21a320433396fb06d40d9088f2247c05e5635a688d45dfe1",
    192,
    ((48, 1),),
)


def anchors(grids: tuple[tuple[int, int], ...]) -> Floats:
    """Centres (n, 2) float32 in 0..1, cell by cell, row by row."""
    parts = []
    for cells, each in grids:
        at = (np.arange(cells) + 0.5) / cells
        x, y = np.meshgrid(at, at)
        parts.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0))
    return np.concatenate(parts).astype(np.float32)


class BlazeFace:
    """A FaceDetector for `far` (full range) or `near` (short range)."""

    def __init__(self, spec: DetectorSpec = FULL_RANGE, min_score: float = 0.5, folder: Path = MODELS) -> None:
        """Raises ModelError when the network's file is missing or damaged."""
        path = folder / spec.file
        try:
            content = path.read_bytes()
        except OSError as error:
            raise ModelError(f"{path}: missing; fetch it with: mien models fetch") from error
        if hashlib.sha256(content).hexdigest() != spec.sha256:
            raise ModelError(
                f"{path}: damaged, or another file than its name says; fetch it again with: mien models fetch"
            )
        self._network = Network(content, str(path))
        self._side = spec.side_px
        self._anchors = anchors(spec.grids)
        # The sigmoid is monotonic: comparing logits saves computing it for thousands of empty anchors.
        self._min_logit = float(np.log(min_score / (1 - min_score)))
        self._score_output = [tensor.shape[-1] for tensor in self._network.outputs].index(1)

    def find(self, pixels: Pixels) -> list[Face]:
        """Faces in (h, w, 3) uint8 RGB, most confident first, without crops."""
        square, scale, left, top = _letterboxed(pixels, self._side)
        outputs = self._network.run((square[None].astype(np.float32) - 127.5) / 127.5)
        logits = outputs[self._score_output].ravel()
        sure = np.flatnonzero(logits >= self._min_logit)
        if not len(sure):
            return []
        raw = outputs[1 - self._score_output].reshape(len(self._anchors), 16)[sure].reshape(-1, 8, 2)
        # Rows: centre, size, then six key points; all but the size are relative to the anchor. In 0..1 of the square.
        points = np.asarray(raw / self._side, np.float32)
        points[:, [0, 2, 3, 4, 5, 6, 7]] += self._anchors[sure][:, None]
        # To pixels: undo the border, then the shrinking.
        points *= self._side
        points[:, [0, 2, 3, 4, 5, 6, 7]] -= np.array([left, top], np.float32)
        points /= scale
        scores = np.asarray(1 / (1 + np.exp(-np.clip(logits[sure], -100, 100))), np.float32)
        return [_face(merged, score) for merged, score in _merged(points, scores)]


def corners(box: tuple[float, float, float, float]) -> Floats:
    """(left, top, right, bottom) of a box, float32."""
    x, y, width, height = box
    return np.array([x, y, x + width, y + height], np.float32)


def _letterboxed(pixels: Pixels, side: int) -> tuple[Pixels, float, float, float]:
    """The picture in the middle of a black square: (square, scale, left border, top border), in px of the square.

    Sampled as in MediaPipe and in the networks' training (bilinear, pixel 0 to pixel 0). Averaging by area would look
    better, but it moves key points by up to 12 px.
    """
    # In a very long panorama, many pixels share one pixel of the square, so skipping some does not matter.
    thinned = -(-max(pixels.shape[:2]) // _MAX_WARP_PX)
    pixels = pixels[::thinned, ::thinned]
    height, width = pixels.shape[:2]
    longest = max(height, width)
    step = longest / side
    left, top = (longest - width) / 2, (longest - height) / 2
    to_picture = np.array([[step, 0, -left], [0, step, -top]])
    square = cv2.warpAffine(pixels, to_picture, (side, side), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return square.astype(np.uint8, copy=False), 1 / step / thinned, left / step, top / step


def _merged(points: Floats, scores: Floats) -> list[tuple[Floats, float]]:
    """Weighted non-maximum suppression: averages each group's points by score, and takes its highest score."""
    order = np.argsort(-scores, kind="stable")
    boxes = np.concatenate([points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2], axis=1)
    result = []
    while len(order):
        group = overlap(boxes[order[0]], boxes[order]) > _OVERLAP
        group[0] = True
        members = order[group]
        weights = scores[members] / scores[members].sum()
        result.append((np.tensordot(weights, points[members], axes=1).astype(np.float32), float(scores[order[0]])))
        order = order[~group]
    return result


def overlap(box: Floats, others: Floats) -> Floats:
    """Intersection over union of (4,) with each of (n, 4), as left, top, right, bottom: (n,) in 0..1."""
    low = np.maximum(box[:2], others[:, :2])
    high = np.minimum(box[2:], others[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(np.maximum(others[:, 2:] - others[:, :2], 0), axis=1)
    union = areas + max(float(np.prod(np.maximum(box[2:] - box[:2], 0))), 0.0) - shared
    return np.asarray(shared / np.maximum(union, 1e-9), np.float32)


def _face(points: Floats, score: float) -> Face:
    (x, y), (width, height) = points[0], points[1]
    box = (float(x - width / 2), float(y - height / 2), float(width), float(height))
    return Face(box, score, points[2:].copy())

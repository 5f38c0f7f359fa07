"""Measures how FER2013 frames a face, and what alignment by detected eyes costs: the constants of face/align.py."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets.pictures.fer2013 import Fer2013
from device.perception.face.align import aligned_crop, face_of_whole_picture
from device.perception.face.classifier import FaceReader
from device.perception.face.detector import FULL_RANGE, SHORT_RANGE, BlazeFace, FaceDetector
from device.perception.load import open_detector
from device.perception.models.model import Model
from device.settings.schema import Settings

_SIZE_PX = 140
# Top, bottom, left, right: a face that fills half of a square picture, and the same face in 640x480.
_SCENES = {"close": (58, 58, 58, 58), "in a room": (150, 190, 200, 300)}


def measure_framing(data: Path, rows: int = 1500) -> str:
    """Eye positions in PublicTest, and accuracy on the same faces as published and after detection and alignment."""
    faces = Fer2013(data / "fer2013").validation()
    pairs = list(zip(faces.pictures[:rows], faces.labels[:rows], strict=True))
    reader = FaceReader(Model("face"))
    near, far = BlazeFace(SHORT_RANGE), BlazeFace(FULL_RANGE)
    detectors: dict[str, FaceDetector] = {"near": near, "far": far, "far, then near": open_detector(Settings())}
    return "\n".join(
        f"{scene}, {name}: {_measure(detector, reader, pairs, border)}"
        for scene, border in _SCENES.items()
        for name, detector in detectors.items()
    )


def _measure(
    detector: FaceDetector,
    reader: FaceReader,
    pairs: list[tuple[npt.NDArray[np.uint8], np.int64]],
    border: tuple[int, int, int, int],
) -> str:
    top, bottom, left, right = border
    points, direct, aligned = [], [], []
    for picture, label in pairs:
        large = cv2.resize(picture, (_SIZE_PX, _SIZE_PX), interpolation=cv2.INTER_CUBIC)
        scene = cv2.copyMakeBorder(large, top, bottom, left, right, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
        found = detector.find(np.repeat(scene[:, :, None], 3, axis=2))
        if not found:
            continue
        points.append((found[0].key_points[:2] - [left, top]) / _SIZE_PX)
        cut = replace(found[0], crop=aligned_crop(scene, found[0]))
        direct.append(reader.read(face_of_whole_picture(picture), 0.0).probabilities.argmax() == label)
        aligned.append(reader.read(cut, 0.0).probabilities.argmax() == label)
    eyes = np.array(points)
    distance = np.linalg.norm(eyes[:, 0] - eyes[:, 1], axis=1)
    height = eyes[:, :, 1].mean(axis=1)
    return (
        f"found {len(eyes)} of {len(pairs)}; eyes {np.median(distance):.2f} apart "
        f"({np.quantile(distance, 0.1):.2f}-{np.quantile(distance, 0.9):.2f}), {np.median(height):.2f} down "
        f"({np.quantile(height, 0.1):.2f}-{np.quantile(height, 0.9):.2f}); accuracy as published "
        f"{100 * np.mean(direct):.1f}, detected and aligned {100 * np.mean(aligned):.1f}"
    )

"""Measures the accuracy that tracking costs, against detection in every frame, on a stream of FER2013's faces."""

from dataclasses import replace
from pathlib import Path
from time import process_time

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets.pictures.fer2013 import Fer2013
from convert.evaluation.scenes import draw_room
from device.perception.face.align import cut_out
from device.perception.face.detector import Pixels
from device.perception.face.two_stage import TwoStageDetector
from device.perception.load import load_perception
from device.readings import Face, Frame
from device.settings.schema import Settings

_FPS = 15
_SECONDS = 1.0
"""Each face is shown this long; the second half is measured."""


def compare_tracking(data: Path, faces: int = 1500, side_px: int = 100) -> str:
    """Accuracy and CPU ms per frame of both methods on the same frames."""
    readers = load_perception(Settings())
    corpus = Fer2013(data / "fer2013").validation()
    frames = round(_SECONDS * _FPS)
    right = {"every frame": 0, "Mien": 0}
    cpu_s = dict.fromkeys(right, 0.0)
    count = 0
    face_stream, known = readers.open_face_stream(Settings()), None
    rng = np.random.default_rng(0)
    noises = [rng.normal(0, 3, (480, 640, 3)).astype(np.int16) for _ in range(7)]
    background = cv2.GaussianBlur(draw_room(rng), (0, 0), 2).astype(np.uint8, copy=False)
    place, speed, tilt = np.array([320.0, 240.0]), np.zeros(2), 0.0
    for number in range(faces):
        large = cv2.resize(corpus.pictures[number], (4 * side_px, 4 * side_px), interpolation=cv2.INTER_CUBIC)
        large = np.asarray(cv2.GaussianBlur(large, (0, 0), 1.6), np.uint8)
        for step in range(frames):
            speed = 0.9 * speed + rng.normal(0, 0.25, 2) - 0.002 * (place - [320, 240])
            place, tilt = place + speed, 0.95 * tilt + rng.normal(0, 0.5)
            pixels = _draw_face(background, large, side_px, place, tilt, noises[step % len(noises)])
            started = process_time()
            known = _detect(readers.detector, pixels, known)
            detected = readers.face.read(known, 0.0).probabilities if known else None
            detected_at = process_time()
            tracked = face_stream.read(Frame(pixels, (number * frames + step) / _FPS))
            cpu_s["every frame"] += detected_at - started
            cpu_s["Mien"] += process_time() - detected_at
            if detected is None or not tracked or step < frames // 2:
                continue
            count += 1
            right["every frame"] += int(detected.argmax() == corpus.labels[number])
            right["Mien"] += int(tracked[0].probabilities.argmax() == corpus.labels[number])
    total = faces * frames
    what = f"{count} frames of {faces} faces of {side_px} px, {_FPS} frames per second, a new face every {_SECONDS:g} s"
    return "\n".join(
        [what]
        + [
            f"{name}: {100 * right[name] / count:.2f} % right, {1000 * cpu_s[name] / total:.2f} ms CPU"
            for name in right
        ]
    )


def _draw_face(
    background: Pixels,
    large: npt.NDArray[np.uint8],
    side_px: int,
    place: npt.NDArray[np.float64],
    tilt: float,
    noise: npt.NDArray[np.int16],
) -> Pixels:
    middle = 2 * side_px
    matrix = np.asarray(cv2.getRotationMatrix2D((middle, middle), tilt, 0.25), np.float64)
    matrix[:, 2] += place - middle
    result = background.copy()
    colours = np.repeat(large[:, :, None], 3, axis=2)
    cv2.warpAffine(colours, matrix, (640, 480), dst=result, borderMode=cv2.BORDER_TRANSPARENT)
    return cv2.add(result, noise, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


def _detect(detector: TwoStageDetector, pixels: Pixels, known: Face | None) -> Face | None:
    """The face near `known`, or one from a new search, with its crop."""
    face = detector.closer(pixels, known) if known else None
    if face is None:
        face = next(iter(detector.find(pixels)), None)
    return replace(face, crop=cut_out(pixels, face)) if face else None

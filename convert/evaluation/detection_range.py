"""Measures how far away faces are detected, and false detections in empty rooms, with FER2013's faces in drawn rooms.

Counts only faces that both detectors find when they are large and alone: a quarter of FER2013 are profiles, hands or
drawings.
"""

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from convert.datasets.pictures.fer2013 import Fer2013
from convert.evaluation.scenes import add_face, draw_room
from device.perception.face.detector import FULL_RANGE, SHORT_RANGE, BlazeFace, FaceDetector, Pixels, corners, overlap
from device.perception.face.still import find_in_still
from device.perception.face.tiles import find_everywhere
from device.perception.load import load_perception
from device.readings import Frame
from device.settings.schema import Settings

_SIDES_PX = (32, 40, 50, 70, 98, 140)
_FRAMES = 24
"""Frames of a stream: three seconds at eight per second, enough for the search to cover the whole frame."""

_WHOLE, _ONE_PICTURE = "full range, whole frame", "Mien, one picture"


def measure_range(data: Path, faces: int = 100, rooms: int = 500, seed: int = 1) -> str:
    """A table: detections in per cent by the width of the face in 640x480, and empty rooms with a false detection.

    `seed` draws the empty rooms.
    """
    pictures = list(_read_detectable_faces(data, faces))
    readers = load_perception(Settings())
    full, short = BlazeFace(FULL_RANGE, 0.5), BlazeFace(SHORT_RANGE, 0.5)
    rows = {
        "short range, whole frame": lambda scene: _find_boxes(short, scene),
        _WHOLE: lambda scene: _find_boxes(full, scene),
        "full range, whole frame and tiles": lambda scene: [f.box for f in find_everywhere(full, scene)],
        _ONE_PICTURE: lambda scene: [f.box for f in find_in_still(readers.detector, scene)],
    }
    lines = ["| detected, per cent, at px | " + " | ".join(map(str, _SIDES_PX)) + f" | of {rooms} empty rooms |"]
    lines.append("| --- " * (len(_SIDES_PX) + 2) + "|")
    for name, find in rows.items():
        found = []
        for side in _SIDES_PX:
            scenes = (_make_scene(pictures, side, number) for number in range(faces))
            found.append(100 * np.mean([_is_hit(find(scene), box) for scene, box in scenes]))
        false = sum(bool(find(draw_room(np.random.default_rng((seed, number))))) for number in range(rooms))
        lines.append(f"| {name} | " + " | ".join(f"{share:.0f}" for share in found) + f" | {false} |")

    noises = [np.random.default_rng(n).normal(0, 3, (480, 640, 3)).astype(np.int16) for n in range(7)]

    def stream(scene: Pixels) -> list[list[tuple[float, float, float, float]]]:
        """The boxes of each frame."""
        face_stream, boxes = readers.open_face_stream(Settings()), []
        for number in range(_FRAMES):
            noisy = cv2.add(scene, noises[number % len(noises)], dtype=cv2.CV_8U).astype(np.uint8, copy=False)
            boxes.append([reading.face.box for reading in face_stream.read(Frame(noisy, number / 8))])
        return boxes

    found = []
    for side in _SIDES_PX:
        scenes = (_make_scene(pictures, side, number) for number in range(faces))
        found.append(100 * np.mean([_is_hit(stream(scene)[-1], box) for scene, box in scenes]))
    empty = [[bool(boxes) for boxes in stream(draw_room(np.random.default_rng((seed, n))))] for n in range(rooms)]
    ever, frames = sum(any(frames) for frames in empty), sum(sum(frames) for frames in empty)
    shares = " | ".join(f"{share:.0f}" for share in found)
    lines.append(f"| Mien, a stream of three seconds | {shares} | {ever}, in {frames} of {rooms * _FRAMES:,} frames |")
    close_ups = [_to_rgb(picture) for picture in _read_majority_faces(data, 3 * faces)]
    finders = (rows[_WHOLE], rows[_ONE_PICTURE])
    found = [100 * np.mean([bool(find(picture)) for picture in close_ups]) for find in finders]
    lines.append(f"\nFaces that fill their picture, whole frame: {found[0]:.0f}; Mien: {found[1]:.0f}")
    return "\n".join(lines)


def _read_detectable_faces(data: Path, count: int) -> Iterator[npt.NDArray[np.uint8]]:
    full, short = BlazeFace(FULL_RANGE), BlazeFace(SHORT_RANGE, 0.7)
    found = 0
    for picture in Fer2013(data / "fer2013").validation().pictures:
        large = cv2.resize(picture, (140, 140), interpolation=cv2.INTER_CUBIC)
        scene = cv2.copyMakeBorder(large, 58, 58, 58, 58, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
        colours = _to_rgb(scene)
        if found < count and short.find(colours) and full.find(colours):
            found += 1
            yield picture


def _read_majority_faces(data: Path, count: int) -> npt.NDArray[np.uint8]:
    """(count, 48, 48): pictures with a FER+ majority; profiles and covered faces are among them."""
    faces = Fer2013(data / "fer2013").validation()
    return faces.pictures[faces.majority() >= 0][:count]


def _to_rgb(gray: npt.NDArray[np.uint8]) -> Pixels:
    return np.repeat(gray[:, :, None], 3, axis=2)


def _make_scene(
    pictures: list[npt.NDArray[np.uint8]], side_px: int, number: int
) -> tuple[Pixels, tuple[float, float, float, float]]:
    rng = np.random.default_rng((side_px, number))
    return add_face(draw_room(rng), pictures[number % len(pictures)], side_px, rng)


def _find_boxes(detector: FaceDetector, scene: Pixels) -> list[tuple[float, float, float, float]]:
    return [face.box for face in detector.find(scene)]


def _is_hit(boxes: list[tuple[float, float, float, float]], expected: tuple[float, float, float, float]) -> bool:
    return any(overlap(corners(box), corners(expected)[None])[0] > 0.3 for box in boxes)

"""The same face network behind mediapipe's own face detection (short range, its Python solution)."""

from collections.abc import Callable
from typing import Any

import cv2

from tests.bench.peers.lean import Network, read_face
from tests.bench.peers.serving import serve


def load() -> Callable[[Any], int]:
    from mediapipe.python.solutions.face_detection import FaceDetection

    detection, face = FaceDetection(min_detection_confidence=0.5, model_selection=0), Network("face.tflite")

    def read(pixels: Any) -> int:
        height, width = pixels.shape[:2]
        found = detection.process(pixels).detections or []
        for one in found:
            box = one.location_data.relative_bounding_box
            x, y = max(int(box.xmin * width), 0), max(int(box.ymin * height), 0)
            part = pixels[y : y + int(box.height * height), x : x + int(box.width * width)]
            read_face(face, cv2.resize(cv2.cvtColor(part, cv2.COLOR_RGB2GRAY), (48, 48)))
        return len(found)

    return read


serve(load)

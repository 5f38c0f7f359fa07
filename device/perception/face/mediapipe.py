"""The detector of the `mediapipe` package behind the same protocol, for those who have it installed.

From release 0.10.35 on it looks up an address of Google's when it runs. `sense` has no network, so that fails, as it
should; the detectors of device/perception/face/detector.py never try.
"""

import numpy as np
import numpy.typing as npt

from device.errors import ModelError
from device.perception.face.detector import SHORT_RANGE
from device.perception.models.card import MODELS
from device.readings import Face


class MediaPipeDetector:
    """A FaceDetector (short range only: the package's task interface accepts no other)."""

    def __init__(self, min_score: float = 0.5) -> None:
        """Raises ModelError when the package or the network file is missing."""
        try:
            import mediapipe
            from mediapipe.tasks.python import BaseOptions, vision
        except ImportError as error:
            raise ModelError(f"camera.range = mediapipe, but: {error}; install it, or choose far or near") from error
        path = MODELS / SHORT_RANGE.file
        if not path.exists():
            raise ModelError(f"{path}: missing; fetch it with: mien models fetch")
        options = vision.FaceDetectorOptions(
            base_options=BaseOptions(model_asset_path=str(path)), min_detection_confidence=min_score
        )
        self._image = mediapipe.Image
        self._format = mediapipe.ImageFormat.SRGB
        self._detector = vision.FaceDetector.create_from_options(options)

    def find(self, pixels: npt.NDArray[np.uint8]) -> list[Face]:
        """Faces in (h, w, 3) uint8 RGB, most confident first."""
        height, width = pixels.shape[:2]
        image = self._image(image_format=self._format, data=np.ascontiguousarray(pixels))
        faces = []
        for found in self._detector.detect(image).detections:
            box = found.bounding_box
            points = np.array([[p.x * width, p.y * height] for p in found.keypoints], np.float32)
            at = (float(box.origin_x), float(box.origin_y), float(box.width), float(box.height))
            faces.append(Face(at, float(found.categories[0].score), points))
        return sorted(faces, key=lambda face: -face.score)

"""Crop -> FaceReading: the calibrated face network, and the quality of its input."""

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.face.familiarity import face_probabilities
from device.perception.models.model import Model
from device.readings import Face, FaceReading


def face_input(crop: npt.NDArray[np.uint8]) -> Floats:
    """(FACE_PX, FACE_PX) uint8 gray -> (1, FACE_PX, FACE_PX, 1) float32 of mean 0 and deviation 1.

    Each picture is normalized by itself, so that neither a dim room nor the camera's gain looks like an emotion. The
    minimum deviation of four gray levels keeps the noise of a uniform picture from being amplified into a face.
    """
    pixels = crop.astype(np.float32)
    return np.asarray((pixels - pixels.mean()) / max(float(pixels.std()), 4.0), np.float32)[None, :, :, None]


_MIN_PX, _GOOD_PX = 20.0, 64.0
_GOOD_SHARPNESS = 60.0
"""Variance of the Laplacian of a 48 px crop. FER2013's faces have a median of about 900, one in twenty under 100."""


class FaceReader:
    """Reads faces with one model."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def read(self, face: Face, time_s: float) -> FaceReading:
        """The network's reading of a face that has a crop. Raises ValueError without one."""
        if face.crop is None:
            raise ValueError("the face has no crop; FaceFollower.find and face_of_whole_picture make one")
        logits = self._model.network.run(face_input(face.crop))[0][0]
        return FaceReading(face, face_probabilities(logits, self._model.card), quality(face), time_s)


def quality(face: Face) -> float:
    """0..1: how much the network can be trusted on this crop.

    The product of size (from 20 to 64 px), sharpness, and how directly the face looks at the camera. Its nose is then
    midway between the eyes; at about 45° of yaw it is under one of them.
    """
    size = (max(face.box[2], face.box[3]) - _MIN_PX) / (_GOOD_PX - _MIN_PX)
    sharpness = 0.0
    if face.crop is not None:
        sharpness = float(cv2.Laplacian(face.crop, cv2.CV_32F).var()) / _GOOD_SHARPNESS
    right, left, nose = face.key_points[:3]
    across = left - right
    length = float(across @ across)
    turned = abs(float((nose - right) @ across) / length - 0.5) * 2 if length > 0 else 1.0
    return float(np.clip(size, 0.1, 1) * np.clip(sharpness, 0.1, 1) * np.clip(1.5 - 1.5 * turned, 0.05, 1))

"""Crop -> FaceReading: the face network, calibrated, with how far its input can be trusted."""

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats, softmax
from device.perception.models.model import Model
from device.readings import Face, FaceReading


def face_input(crop: npt.NDArray[np.uint8]) -> Floats:
    """(FACE_PX, FACE_PX) uint8 gray -> (1, FACE_PX, FACE_PX, 1) float32 of mean 0 and deviation 1.

    Per picture, so that neither a dim room nor the camera's own gain is a sign of emotion. The floor of four
    grey levels keeps the noise of an even picture from being blown up into a face.
    """
    pixels = crop.astype(np.float32)
    return np.asarray((pixels - pixels.mean()) / max(float(pixels.std()), 4.0), np.float32)[None, :, :, None]


_MIN_PX, _ENOUGH_PX = 20.0, 64.0
_ENOUGH_SHARPNESS = 60.0
"""Variance of the Laplacian of a 48 px crop. FER2013's own: median about 900, one in twenty under 100."""


class FaceReader:
    """Reads faces with one model pair."""

    def __init__(self, model: Model) -> None:
        self._model = model

    def read(self, face: Face, time_s: float) -> FaceReading:
        """What the network says of a face whose crop has been made."""
        if face.crop is None:
            raise ValueError("the face has no crop; Following.find and whole_picture make one")
        logits = self._model.network.run(face_input(face.crop))[0][0]
        return FaceReading(face, softmax(logits, self._model.card.temperature), quality(face), time_s)


def quality(face: Face) -> float:
    """0..1: how far a crop is one that the network can be trusted on.

    The product of three: as large as the crop (from 20 to 64 px), sharp, and turned to the camera (the nose between
    the eyes; at 0 when it stands under one of them, at about 45° of yaw).
    """
    size = (max(face.box[2], face.box[3]) - _MIN_PX) / (_ENOUGH_PX - _MIN_PX)
    sharpness = 0.0
    if face.crop is not None:
        sharpness = float(cv2.Laplacian(face.crop, cv2.CV_32F).var()) / _ENOUGH_SHARPNESS
    right, left, nose = face.key_points[:3]
    across = left - right
    length = float(across @ across)
    turned = abs(float((nose - right) @ across) / length - 0.5) * 2 if length > 0 else 1.0
    return float(np.clip(size, 0.1, 1) * np.clip(sharpness, 0.1, 1) * np.clip(1.5 - 1.5 * turned, 0.05, 1))

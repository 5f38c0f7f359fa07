"""Resizes pictures of faces to the input size of a network."""

import cv2
import numpy as np
import numpy.typing as npt


def resize_all(pictures: npt.NDArray[np.uint8], side: int) -> npt.NDArray[np.uint8]:
    """(n, s, s) uint8 -> (n, side, side) uint8, as the device resizes a whole picture for its network."""
    if pictures.shape[1] == side:
        return pictures
    interpolation = cv2.INTER_AREA if pictures.shape[1] > side else cv2.INTER_LINEAR
    return np.stack([cv2.resize(picture, (side, side), interpolation=interpolation) for picture in pictures]).astype(
        np.uint8, copy=False
    )

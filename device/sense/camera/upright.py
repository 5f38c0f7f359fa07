"""Pictures of a camera that hangs on its side or upside down, turned until people stand upright in them."""

from dataclasses import replace

import cv2
import numpy as np

from device.readings import Frame

_HOW = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def upright(frame: Frame, turned: int) -> Frame:
    """`frame` turned clockwise by 0, 90, 180 or 270 degrees, its small picture too."""
    if not turned:
        return frame
    how = _HOW[turned]
    small = None if frame.small is None else np.asarray(cv2.rotate(frame.small, how), np.uint8)
    return replace(frame, pixels=np.asarray(cv2.rotate(frame.pixels, how), np.uint8), small=small)

"""What a network is fed: pictures and sounds brought to one scale. Training and the device share this code."""

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.sense.features import BANDS, correlogram, log_mel

FACE_PX = 48
"""Side of the square gray crop that the face network reads: FER2013's own."""
WINDOW_FRAMES = 298
"""Frames of 10 ms that the voice network reads: 3 s of sound."""


def face_input(crop: npt.NDArray[np.uint8]) -> Floats:
    """(FACE_PX, FACE_PX) uint8 gray -> (1, FACE_PX, FACE_PX, 1) float32 of mean 0 and deviation 1.

    Per picture, so that neither a dim room nor the camera's own gain is a sign of emotion. The floor of four
    grey levels keeps the noise of an even picture from being blown up into a face.
    """
    pixels = crop.astype(np.float32)
    return np.asarray((pixels - pixels.mean()) / max(float(pixels.std()), 4.0), np.float32)[None, :, :, None]


def voice_input(samples: Floats) -> Floats:
    """(samples,) float32 at 16 kHz -> (1, WINDOW_FRAMES, BANDS, 2) float32: log-mel and correlogram.

    Loudness tells the distance and the recording, not the mood: the mean over the loudest fifth of the frames is
    taken off the log-mel, what lies more than three times ln(10) (30 dB) from it is cut, and the rest divided by
    two. A shorter sound is padded with that floor and without a pitch, a longer one cut to its last WINDOW_FRAMES.
    """
    recent = log_mel(samples)[-WINDOW_FRAMES:]
    loudness = recent.mean(axis=1)
    level = float(recent[loudness >= np.quantile(loudness, 0.8)].mean())
    floor = -3 * np.log(10.0)
    picture = np.zeros((WINDOW_FRAMES, BANDS, 2), np.float32)
    picture[:, :, 0] = floor / 2
    voiced = slice((WINDOW_FRAMES - len(recent)) // 2, (WINDOW_FRAMES - len(recent)) // 2 + len(recent))
    picture[voiced, :, 0] = np.clip(recent - level, floor, -floor) / 2
    picture[voiced, :, 1] = 2 * correlogram(samples)[-WINDOW_FRAMES:] - 0.4
    return picture[None]

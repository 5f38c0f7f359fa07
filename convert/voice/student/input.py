"""Scales frames for the student's input; training and the device will share this code."""

import numpy as np

from convert.voice.student.views import COLUMNS
from device.emotions import Floats
from device.perception.audio.log_mel import BANDS

FRAMES = 148
"""20 ms each: a window of 3 s."""
_FLOOR = float(-1.5 * np.log(10.0))
"""30 dB under the level of loud speech, on the scale of the input."""
_LOW_OFFSET = 8.4
"""In loud speech, the log power of a low bin is this much higher than the log energy of a mel band."""
_LOW = slice(2 * BANDS, COLUMNS)


def student_input(rows: Floats) -> Floats:
    """(t, COLUMNS) log-mel, correlogram and low bins of at most FRAMES frames -> (t, COLUMNS) float32.

    Loudness depends on distance and recording, not on the mood. So the mean log-mel of the loudest fifth of the frames
    is subtracted, the result clipped to 30 dB either way and divided by two.
    """
    rows = np.asarray(rows, np.float32)
    loudness = rows[:, :BANDS].mean(axis=1)
    loudest = np.sort(loudness)[-max(len(rows) // 5, 1) :]
    level = np.float32(loudest.mean())
    scaled = np.empty_like(rows)
    scaled[:, :BANDS] = (rows[:, :BANDS] - level) / 2
    scaled[:, _LOW] = (rows[:, _LOW] - level - np.float32(_LOW_OFFSET)) / 2
    np.clip(scaled, _FLOOR, -_FLOOR, out=scaled)
    scaled[:, BANDS : 2 * BANDS] = 2 * rows[:, BANDS : 2 * BANDS] - np.float32(0.4)
    return scaled


def pad_to_length(scaled: Floats, length: int = FRAMES) -> tuple[Floats, slice]:
    """(t, COLUMNS), t <= length -> ((length, COLUMNS), the slice that it fills): centred, with silence around it."""
    window = np.empty((length, COLUMNS), np.float32)
    window[:] = _FLOOR
    window[:, BANDS : 2 * BANDS] = 0
    begin = (length - len(scaled)) // 2
    place = slice(begin, begin + len(scaled))
    window[place] = scaled
    return window, place

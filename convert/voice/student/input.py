"""Frames brought to one scale, as the student reads them: the code that training and the device will share."""

import numpy as np

from convert.voice.student.views import COLUMNS
from device.emotions import Floats
from device.perception.audio.log_mel import BANDS

FRAMES = 148
"""20 ms each: a window of 3 s."""
_FLOOR = float(-1.5 * np.log(10.0))
"""30 dB under the level of loud speech, on the scale of the input."""
_LOW_OFFSET = 8.4
"""By how much the logarithm of a low bin's power is higher than that of a mel band's energy in loud speech."""
_LOW = slice(2 * BANDS, COLUMNS)


def student_input(rows: Floats) -> Floats:
    """(t, COLUMNS) log-mel, correlogram and low bins of at most FRAMES frames -> (t, COLUMNS) float32.

    Loudness tells the distance and the recording, not the mood: the mean log-mel over the loudest fifth of the frames
    is taken off, what lies more than 30 dB from it is cut, and the rest divided by two.
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


def padded(scaled: Floats, length: int = FRAMES) -> tuple[Floats, slice]:
    """(t, COLUMNS), t <= length -> ((length, COLUMNS), where it stands in them: the middle), silence around it."""
    window = np.empty((length, COLUMNS), np.float32)
    window[:] = _FLOOR
    window[:, BANDS : 2 * BANDS] = 0
    begin = (length - len(scaled)) // 2
    place = slice(begin, begin + len(scaled))
    window[place] = scaled
    return window, place

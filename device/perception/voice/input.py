"""What the voice network is fed. Training uses the same code."""

import numpy as np

from device.emotions import Floats
from device.perception.audio.correlogram import correlogram
from device.perception.audio.log_mel import BANDS, log_mel
from device.perception.audio.statistics import quantiles
from device.perception.models.inputs import WINDOW_FRAMES


def voice_input(samples: Floats) -> Floats:
    """(samples,) float32 at 16 kHz -> (1, WINDOW_FRAMES, BANDS, 2) float32: log-mel and correlogram.

    Loudness depends on the distance and the recording, not on the mood. So the mean over the loudest fifth of the
    frames is subtracted from the log-mel; the result is clipped at three times ln(10) (30 dB) and divided by two. A
    shorter sound is padded with that floor and without pitch, of a longer one the last WINDOW_FRAMES are used.
    """
    return voice_input_from_features(log_mel(samples), correlogram(samples))


def voice_input_from_features(mel: Floats, periodic: Floats) -> Floats:
    """`voice_input` from a sound's log-mel and correlogram, each (frames, BANDS)."""
    recent = mel[-WINDOW_FRAMES:]
    loudness = np.add.reduce(recent, axis=1) / BANDS
    loud = loudness[loudness >= quantiles(np.sort(loudness), [0.8])[0]]
    level = float(np.add.reduce(loud)) / len(loud)
    floor = -3 * np.log(10.0)
    picture = np.empty((WINDOW_FRAMES, BANDS, 2), np.float32)
    begin = (WINDOW_FRAMES - len(recent)) // 2
    for silence in (picture[:begin], picture[begin + len(recent) :]):
        silence[:, :, 0], silence[:, :, 1] = floor / 2, 0
    voiced = picture[begin : begin + len(recent)]
    relative = (recent - np.float32(level)) / 2
    np.maximum(relative, np.float32(floor / 2), out=relative)
    np.minimum(relative, np.float32(-floor / 2), out=voiced[:, :, 0])
    np.subtract(2 * periodic[-WINDOW_FRAMES:], np.float32(0.4), out=voiced[:, :, 1])
    return picture[None]

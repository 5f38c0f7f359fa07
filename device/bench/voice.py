"""The voice path as it runs: a window of three seconds that moves on by `microphone.interval_s`."""

from functools import partial

import numpy as np

from device.bench.timing import Json, Timing
from device.emotions import Emotion, Floats
from device.perception.audio.stft import HOP, RATE_HZ
from device.perception.voice.classifier import WINDOW, VoiceReader
from device.readings import SoundWindow
from device.sense.simulator.poses import PROSODIES
from device.sense.simulator.voice import speak

_SPEAKERS = (Emotion.NEUTRAL, Emotion.HAPPY, Emotion.ANGRY, Emotion.SAD)


def talk(seconds: float) -> Floats:
    """Somebody who does not stop: (n,) float32 at 16 kHz, in four moods one after another."""
    return np.concatenate([speak(PROSODIES[e], seconds / len(_SPEAKERS), n) for n, e in enumerate(_SPEAKERS)])


def windows(sound: Floats, interval_s: float) -> list[SoundWindow]:
    """All whole windows of a sound, in order, each `interval_s` after the one before.

    They are as the microphone's ring cuts them: from a whole hop of the stream on, and numbered in it.
    """
    step = max(round(interval_s * RATE_HZ / HOP), 1) * HOP
    ends = range(WINDOW, len(sound) + 1, step)
    return [SoundWindow(sound[end - WINDOW : end], end / RATE_HZ, end - WINDOW) for end in ends]


def listen(reader: VoiceReader, heard: list[SoundWindow], interval_s: float, warm: int = 2) -> Json:
    """Time `read` on every window but the first `warm`; with `cpu_ms_per_s`, CPU for each second that was heard."""
    timing, readings = Timing(), 0
    for window in heard[:warm]:
        reader.read(window, learn=interval_s / 3)
    for window in heard[warm:]:
        # As the loop calls it: overlapping windows of one utterance count as one.
        reading = timing.of(partial(reader.read, window, learn=interval_s / 3))
        readings += reading is not None
    told = timing.told()
    return {**told, "cpu_ms_per_s": round(told["cpu_ms"] / interval_s, 3), "readings": readings}

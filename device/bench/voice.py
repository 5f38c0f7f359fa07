"""The voice path as it runs live: a window of three seconds, moved on by `microphone.interval_s`."""

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


def synthesize_speech(seconds: float) -> Floats:
    """Speech without pauses, in four emotions one after another: (n,) float32 at 16 kHz."""
    return np.concatenate([speak(PROSODIES[e], seconds / len(_SPEAKERS), n) for n, e in enumerate(_SPEAKERS)])


def cut_windows(sound: Floats, interval_s: float) -> list[SoundWindow]:
    """All complete windows of a sound, `interval_s` apart and aligned to whole hops, as in the microphone's ring."""
    step = max(round(interval_s * RATE_HZ / HOP), 1) * HOP
    ends = range(WINDOW, len(sound) + 1, step)
    return [SoundWindow(sound[end - WINDOW : end], end / RATE_HZ, end - WINDOW) for end in ends]


def measure_windows(reader: VoiceReader, windows: list[SoundWindow], interval_s: float, warm_up: int = 2) -> Json:
    """Time each window, except the first `warm_up`. `cpu_ms_per_s` is CPU time per second of sound."""
    timing, readings = Timing(), 0
    for window in windows[:warm_up]:
        reader.read(window, learn=interval_s / 3)
    for window in windows[warm_up:]:
        # As in the pipeline: the overlapping windows of one utterance count as one.
        reading = timing.run(partial(reader.read, window, learn=interval_s / 3))
        readings += reading is not None
    result = timing.as_json()
    return {**result, "cpu_ms_per_s": round(result["cpu_ms"] / interval_s, 3), "readings": readings}

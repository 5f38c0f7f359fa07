"""Clips as the teacher hears them: trimmed of silence, at one level, unchanged or at another speed and pitch."""

import numpy as np
from scipy.signal import lfilter, resample_poly

from convert.datasets.speech.clips import Clip
from convert.voice.augment import trim_silence
from device.emotions import Floats
from device.perception.audio.speech_mel import normalize_level
from device.perception.audio.stft import HOP, RATE_HZ

MAX_SAMPLES = 6 * RATE_HZ
"""The maximum length of a clip in samples; the rest is cut."""
COPIES = 5
"""The unchanged clip, then four at another speed, two of these through another microphone.

All corpora together have few speakers: a student trained on unchanged clips reproduces the teacher for those speakers,
but hardly half of it for others. A change of speed and pitch makes new voices out of the same people."""
_PACES = (*range(80, 96), *range(105, 126))
"""Lengths of the changed copies, in per cent of the original. Pitch changes along with pace, by up to 4 semitones."""


def make_clean_copy(clip: Clip, copy: int) -> Floats:
    """(samples,) float32 at 16 kHz, whole frames, at most LONGEST; the same clip and `copy` always give the same."""
    samples = trim_silence(clip.real)
    if copy:
        rng = np.random.default_rng([copy, *f"{clip.corpus}/{clip.name}".encode()])
        samples = resample_poly(samples, int(rng.choice(_PACES)), 100).astype(np.float32)
        if copy % 2 == 0:  # a tilt and a resonance, which the teacher hears too
            tilt, resonance = [1.0, rng.uniform(-0.6, 0.6)], [1.0, rng.uniform(-0.4, 0.4)]
            samples = lfilter(tilt, resonance, samples).astype(np.float32)
    samples = samples[:MAX_SAMPLES]
    # At least half a second: with less, a network sees little but its own padding.
    length = max(len(samples) // HOP * HOP, RATE_HZ // 2)
    return normalize_level(np.pad(samples, (0, max(length - len(samples), 0)))[:length])

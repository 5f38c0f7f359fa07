"""A voice synthesized from ten numbers, as harmonics shaped by vowels, and not from a recording of any person."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ

Signal = npt.NDArray[np.float64]

# Of a, e, i, o, u; after Peterson & Barney 1952 (men and women averaged).
_FORMANTS_HZ = np.array(
    [
        (790.0, 1200.0, 2650.0, 3700.0),
        (570.0, 1950.0, 2700.0, 3750.0),
        (310.0, 2500.0, 3150.0, 3800.0),
        (500.0, 850.0, 2600.0, 3650.0),
        (340.0, 950.0, 2450.0, 3600.0),
    ]
)
_WIDTHS_HZ = np.array([80.0, 100.0, 140.0, 220.0])
_PHRASE = np.array(["aeiou".index(vowel) for vowel in "aeoaiueoaiea"])


class Prosody(NamedTuple):
    """The way of speaking."""

    pitch_hz: float = 150.0
    pitch_range: float = 0.15
    """Range of the melody, as a share of the pitch."""
    pitch_slope: float = -0.1
    """Change over the phrase, as a share of the pitch."""
    syllables_hz: float = 4.0
    vowel_share: float = 0.7
    """Of each syllable; the rest is a gap or a consonant."""
    tilt_db: float = -9.0
    """Per octave; near 0, the voice is pressed and shouting."""
    breath: float = 0.05
    tremor: float = 0.01
    """Depth of a 6 Hz tremor, as a share of the pitch."""
    attack_s: float = 0.03
    pause_share: float = 0.25
    """Of the time, between phrases."""


def speak(prosody: Prosody, seconds: float, seed: int = 0) -> Floats:
    """Meaningless syllables: (seconds * 16,000,) float32 in -1..1."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    t = np.arange(count) / RATE_HZ
    position, loudness, vowels = _syllables(prosody, t, rng)
    melody = np.sin(2 * np.pi * 0.45 * prosody.syllables_hz * t + rng.uniform(0, 6)) * prosody.pitch_range
    tremor = prosody.tremor * np.sin(2 * np.pi * 6 * t)
    pitch = prosody.pitch_hz * (1 + melody + prosody.pitch_slope * (position - 0.5) + tremor)
    pitch *= 1 + 0.004 * np.cumsum(rng.normal(size=count)) / np.sqrt(np.arange(1, count + 1))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    voiced = np.zeros(count)
    for harmonic in range(1, int(6000 / max(prosody.pitch_hz * 0.8, 60)) + 1):
        at_hz = pitch[::320] * harmonic
        gain = _vocal_tract(at_hz, vowels[::320]) * 10 ** (prosody.tilt_db / 20 * np.log2(harmonic))
        gain[at_hz > 7000] = 0
        voiced += np.interp(np.arange(count), np.arange(len(gain)) * 320, gain) * np.sin(harmonic * phase)
    hiss = np.diff(rng.normal(size=count + 1)) * prosody.breath
    consonants = np.diff(rng.normal(size=count + 1)) * 0.25 * np.clip(0.35 - loudness, 0, 1) * (position > 0)
    sound = (voiced / (np.abs(voiced).max() + 1e-9) + 0.6 * hiss) * loudness + 0.25 * consonants
    sound += 1e-4 * rng.normal(size=count)  # a room is never digitally silent
    return np.asarray(0.3 * sound / (np.abs(sound).max() + 1e-9), np.float32)


def _syllables(prosody: Prosody, t: Signal, rng: np.random.Generator) -> tuple[Signal, Signal, npt.NDArray[np.int64]]:
    """(position in the phrase 0..1, or 0 in a pause; loudness 0..1; index of the vowel), each (n,)."""
    phrase_s = 1.6
    period_s = phrase_s / (1 - prosody.pause_share)
    since_s = t % period_s
    position = np.clip(since_s / phrase_s, 0, 1)
    speaking = since_s < phrase_s
    syllable = since_s * prosody.syllables_hz
    inside = syllable % 1
    rise = np.clip(inside / max(prosody.attack_s * prosody.syllables_hz, 1e-3), 0, 1)
    fall = np.clip((prosody.vowel_share - inside) / 0.15, 0, 1)
    stress = 0.6 + 0.4 * rng.random(64)[syllable.astype(int) % 64]
    loudness = np.where(speaking, np.minimum(rise, fall) * stress, 0.0)
    offset = (t // period_s).astype(int) * 5
    vowels = _PHRASE[(syllable.astype(int) + offset) % len(_PHRASE)]
    return np.where(speaking, np.maximum(position, 1e-6), 0.0), loudness, vowels


def _vocal_tract(at_hz: Signal, vowels: npt.NDArray[np.int64]) -> Signal:
    """The gain at each frequency (n,) while the vocal tract forms the vowel (n,)."""
    distances = (at_hz[:, None] - _FORMANTS_HZ[vowels]) / _WIDTHS_HZ
    return np.asarray((np.array([1.0, 0.6, 0.3, 0.15]) / (1 + distances**2)).sum(axis=1) + 0.01)

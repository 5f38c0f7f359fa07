"""Degrades clips to sound as a device in a room hears them: echo, noise, cheap microphones, telephones, codecs.

Nothing here shifts a sound in time, so the teacher's output for the clean clip still fits its frames.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.signal import fftconvolve, lfilter

from convert.datasets.audio_cache import Samples
from convert.datasets.noise.esc10 import HELD_OUT_STEP, read_noises
from convert.datasets.noise.household import read_household
from convert.datasets.noise.rooms import read_rooms
from convert.voice.augment import make_noise, reverberate, scale_to_ratio
from convert.voice.copies.codecs import mp3, opus, telephone
from device.emotions import Floats

_NO_ROOM = ("filter-telephone",)
"""Impulse responses that are not of rooms."""


@dataclass(frozen=True)
class Surroundings:
    """The noises and rooms that are applied to a clean clip."""

    noises: list[Samples]
    rooms: Sequence[Floats]
    """Impulse responses (n,) float32."""


def read_surroundings(data: Path, cache: Path) -> Surroundings:
    """The household sounds, ESC-10 without the fifth held out for the test, and the rooms."""
    esc = [sound for i, sound in enumerate(read_noises(data / "noise", cache)[0]) if i % HELD_OUT_STEP]
    home = [sound.samples for sound in read_household(data / "noise", cache)]
    rooms = [response for name, response in read_rooms(data / "noise").items() if name not in _NO_ROOM]
    return Surroundings(esc + home, rooms)


def degrade(samples: Floats, surroundings: Surroundings, rng: np.random.Generator) -> Floats:
    """A degraded copy of (n,) float32, of the same length and timing."""
    sound = samples
    if rng.random() < 0.5:
        sound = _add_room_echo(sound, surroundings.rooms, rng)
    if rng.random() < 0.6:  # another microphone: a tilt and a resonance
        sound = lfilter([1.0, rng.uniform(-0.7, 0.7)], [1.0, rng.uniform(-0.5, 0.5)], sound).astype(np.float32)
    power = float(np.mean(sound**2)) + 1e-9
    if rng.random() < 0.7:
        sound = sound + scale_to_ratio(make_noise(len(sound), surroundings.noises, rng), power, rng.uniform(2, 30))
    else:
        sound = sound + scale_to_ratio(rng.normal(size=len(sound)), power, rng.uniform(30, 60))
    if rng.random() < 0.1:  # too loud for the microphone
        edge = np.sqrt(power) * rng.uniform(2, 5)
        sound = np.clip(sound, -edge, edge)
    return _transmit(np.asarray(sound, np.float32), rng)


def _add_room_echo(samples: Floats, rooms: Sequence[Floats], rng: np.random.Generator) -> Floats:
    if rng.random() < 0.5:
        return reverberate(samples, rng)
    response = np.array(rooms[int(rng.integers(len(rooms)))])
    direct = int(np.argmax(np.abs(response)))
    # Closer to the microphone, or farther away, than in the measurement.
    response[direct + 40 :] *= rng.uniform(0.3, 1.5)
    return np.asarray(fftconvolve(samples, response)[direct : direct + len(samples)], np.float32)


def _transmit(samples: Floats, rng: np.random.Generator) -> Floats:
    choice = rng.random()
    if choice < 0.1:
        return telephone(samples)
    if choice < 0.2:
        return opus(samples, int(rng.choice([8_000, 12_000, 16_000, 24_000])))
    if choice < 0.3:
        return mp3(samples, int(rng.choice([16_000, 24_000, 32_000])))
    return samples

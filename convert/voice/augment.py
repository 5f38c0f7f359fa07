"""Augmentation for voices: other rooms, noises, microphones, distances and vocal tracts."""

import numpy as np
import numpy.typing as npt
from scipy.signal import fftconvolve, lfilter, resample_poly

from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ
from device.perception.audio.vad import speech_frames, speech_span

WINDOW = 3 * RATE_HZ


def trim_silence(samples: Floats) -> Floats:
    """`samples` without the silence at both ends, which identifies the corpus and not the emotion."""
    marked = speech_frames(samples)
    return samples[speech_span(marked)] if np.count_nonzero(marked) >= 30 else samples


def cut_window(samples: Floats, rng: np.random.Generator) -> Floats:
    """At most three seconds: a random cut of a long sound; a short one as it is, or somewhere in three seconds."""
    if len(samples) > WINDOW:
        start = int(rng.integers(len(samples) - WINDOW + 1))
        return samples[start : start + WINDOW]
    if rng.random() < 0.4:
        return samples
    placed = np.zeros(WINDOW, np.float32)
    start = int(rng.integers(WINDOW - len(samples) + 1))
    placed[start : start + len(samples)] = samples
    return placed


def augment(samples: Floats, noises: list[npt.NDArray[np.int16]], rng: np.random.Generator) -> Floats:
    """An augmented copy of a voice of at most three seconds; the emotion stays."""
    changed = samples
    if rng.random() < 0.5:  # another vocal tract and pace: both change together, by up to 12 %
        changed = resample_poly(changed, int(rng.integers(88, 113)), 100).astype(np.float32)
    changed = cut_window(changed, rng)
    if rng.random() < 0.4:  # a room: decaying noise, with a first echo in proportion
        changed = reverberate(changed, rng)
    if rng.random() < 0.6:  # another microphone: a tilt and a resonance
        changed = lfilter([1.0, rng.uniform(-0.6, 0.6)], [1.0, rng.uniform(-0.4, 0.4)], changed).astype(np.float32)
    power = float(np.mean(changed**2)) + 1e-9
    if rng.random() < 0.6:
        changed = changed + scale_to_ratio(make_noise(len(changed), noises, rng), power, rng.uniform(5, 30))
    else:
        changed = changed + scale_to_ratio(rng.normal(size=len(changed)), power, rng.uniform(30, 60))
    return changed.astype(np.float32)


def reverberate(samples: Floats, rng: np.random.Generator) -> Floats:
    """Simulate a living room: reverberation time 0.15-0.6 s, the direct sound 0-12 dB over the rest."""
    decay_s = rng.uniform(0.15, 0.6)
    t = np.arange(int(decay_s * RATE_HZ)) / RATE_HZ
    tail = rng.normal(size=len(t)) * np.exp(-6.9 * t / decay_s)
    tail *= 10 ** (-rng.uniform(0, 12) / 20) / np.sqrt(np.sum(tail**2))
    tail[0] = 1.0
    return np.asarray(fftconvolve(samples, tail)[: len(samples)], np.float32)


def scale_to_ratio(sound: npt.NDArray[np.floating], power: float, ratio_db: float) -> Floats:
    """Scale `sound` to `ratio_db` below `power`."""
    return np.asarray(sound * np.sqrt(power / 10 ** (ratio_db / 10) / (np.mean(sound**2) + 1e-12)), np.float32)


def make_noise(length: int, noises: list[npt.NDArray[np.int16]], rng: np.random.Generator) -> Floats:
    """`length` samples without a voice: one of `noises`, or a coloured hiss with a hum."""
    if rng.random() < 0.7 and noises:
        sound = noises[int(rng.integers(len(noises)))]
        start = int(rng.integers(max(len(sound) - length, 0) + 1))
        return np.asarray(np.resize(sound[start : start + length], length) / np.float32(32768), np.float32)
    hiss = lfilter([1.0], [1.0, -rng.uniform(0, 0.98)], rng.normal(size=length))
    hum = np.sin(2 * np.pi * rng.choice([50, 60, 100, 120]) * np.arange(length) / RATE_HZ)
    return (hiss / (hiss.std() + 1e-9) + rng.uniform(0, 1.5) * hum).astype(np.float32) * 0.1


def make_music(length: int, rng: np.random.Generator) -> Floats:
    """Chords of plucked or sustained tones over a beat: enough to tell a band from a voice, without any recording."""
    t = np.arange(length) / RATE_HZ
    total = np.zeros(length)
    beat = rng.uniform(0.25, 0.7)
    root = rng.uniform(70, 300)
    for start in np.arange(0, length / RATE_HZ, beat):
        since = np.maximum(t - start, 0)
        sounding = t >= start
        fade = np.exp(-since * rng.uniform(0.5, 6)) * sounding
        for step in rng.choice([0, 3, 4, 5, 7, 9, 12, 16], 3, replace=False):
            pitch = root * 2 ** (step / 12)
            for harmonic in range(1, int(rng.integers(2, 9))):
                if pitch * harmonic < RATE_HZ / 2:
                    total += fade * np.sin(2 * np.pi * pitch * harmonic * since) / harmonic
        if rng.random() < 0.6:
            total += 2 * rng.normal(size=length) * np.exp(-since * 40) * sounding
    return (0.2 * total / (np.abs(total).max() + 1e-9)).astype(np.float32)

"""The sound of an hour, second by second: an hour as a whole would take 230 MB."""

from collections.abc import Iterator

import numpy as np
from scipy.signal import fftconvolve

from convert.ordinary_life.script import Script, Sound
from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ
from device.perception.audio.vad import BLOCK, levels_db


def play(script: Script) -> Iterator[Floats]:
    """(16000,) float32 for each second: voices in their room, noises, and the hiss of the microphone."""
    rng = np.random.default_rng((script.seed, 3))
    hiss = np.float32(10 ** (rng.uniform(-68, -54) / 20))
    starting = sorted([*script.voices, *script.noises], key=lambda sound: -sound.start_s)
    voices = {id(sound) for sound in script.voices}
    sounding: list[tuple[int, Floats]] = []
    for second in range(int(script.length_s)):
        begin = second * RATE_HZ
        while starting and starting[-1].start_s < second + 1:
            sound = starting.pop()
            sounding.append((int(sound.start_s * RATE_HZ), _render(sound, script.room, is_voice=id(sound) in voices)))
        mixed = hiss * rng.standard_normal(RATE_HZ).astype(np.float32)
        for start, samples in sounding:
            first, last = max(start, begin), min(start + len(samples), begin + RATE_HZ)
            if last > first:
                mixed[first - begin : last - begin] += samples[first - start : last - start]
        sounding = [(start, samples) for start, samples in sounding if start + len(samples) > begin + RATE_HZ]
        yield np.clip(mixed, -1, 1)


def _render(sound: Sound, room: Floats, *, is_voice: bool) -> Floats:
    samples = fftconvolve(sound.samples, room)[: len(sound.samples)] if is_voice else sound.samples
    samples = np.asarray(samples, np.float32)
    levels = np.sort(levels_db(samples))
    loud_db = 10 * np.log10(np.mean(10 ** (levels[len(levels) // 2 :] / 10)) + 1e-12) if len(levels) else 0.0
    return np.asarray(samples * 10 ** ((sound.level_db - loud_db) / 20), np.float32)


def envelope(sound: Sound) -> Floats:
    """(n,) 0..1: how loud each 10 ms is, relative to the loudest: how far a mouth opens for it."""
    levels = levels_db(sound.samples)
    return np.clip((levels - (levels.max(initial=-60.0) - 25)) / 25, 0, 1).astype(np.float32)


def loudness_at(sound: Sound, shape: Floats, time_s: float) -> float:
    """`envelope` at a moment; 0 before and after the sound."""
    place = int((time_s - sound.start_s) * RATE_HZ / BLOCK)
    return float(shape[place]) if 0 <= place < len(shape) else 0.0

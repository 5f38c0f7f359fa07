"""Augmented copies of every clip, computed once: reverberation and noise cost more than the training step itself.

A view is the input that the device would compute (`voice_input`), of the unchanged clip (view 0) or a copy.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.voice.augment import augment, trim_silence
from device.emotions import Floats
from device.perception.audio.log_mel import BANDS
from device.perception.models.inputs import WINDOW_FRAMES
from device.perception.voice.classifier import WINDOW
from device.perception.voice.input import voice_input

Views = npt.NDArray[np.float16]


def clip_input(samples: Floats) -> Floats:
    """(1, WINDOW_FRAMES, BANDS, 2): a clip's input as one window of the device, its last three seconds."""
    return voice_input(trim_silence(samples)[-WINDOW:])


def build_views(
    clips: Sequence[Clip], noises: list[npt.NDArray[np.int16]], count: int, cache: Path, seed: int = 1
) -> Views:
    """(clips, 1 + count, WINDOW_FRAMES, BANDS, 2) float16, cached in `cache`: unchanged, then augmented copies."""
    shape = (len(clips), 1 + count, WINDOW_FRAMES, BANDS, 2)
    path = cache / f"views-{_key(clips, shape, seed)}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        views = np.lib.format.open_memmap(partial, "w+", np.float16, shape)
        for i, clip in enumerate(clips):
            rng = np.random.default_rng((seed, i))
            voice = trim_silence(clip.real)
            views[i, 0] = clip_input(clip.real)[0]
            for k in range(1, 1 + count):
                views[i, k] = voice_input(augment(voice, noises, rng))[0]
        views.flush()
        partial.replace(path)
    return np.asarray(np.load(path, mmap_mode="r"))


def _key(clips: Sequence[Clip], shape: tuple[int, ...], seed: int) -> str:
    """The cache key: depends on the clips' names and, through a test signal, on every function that computes a view."""
    digest = hashlib.sha256(repr((shape, seed)).encode())
    for clip in clips:
        digest.update(f"{clip.corpus}/{clip.name}/{len(clip.samples)}".encode())
    probe = np.random.default_rng(0).normal(0, 0.1, WINDOW).astype(np.float32) * np.hanning(WINDOW).astype(np.float32)
    digest.update(voice_input(augment(probe, [], np.random.default_rng(seed))).tobytes())
    return digest.hexdigest()[:16]


def augment_spectrum(spectrum: Floats, rng: np.random.Generator) -> Floats:
    """Augment a view (WINDOW_FRAMES, BANDS, 2) cheaply: pace, position, timbre, and SpecAugment's masks.

    SpecAugment: Park et al. 2019. Masked values are 0, the level of loud speech.
    """
    frames, bands, _ = spectrum.shape
    result = spectrum
    if rng.random() < 0.6:  # slower or faster, earlier or later; the pitch stays
        pace = np.exp(rng.uniform(-0.15, 0.15))
        middle = frames / 2
        at = np.clip(middle + (np.arange(frames) - middle) * pace + rng.uniform(-15, 15), 0, frames - 1)
        below = np.minimum(at.astype(np.int64), frames - 2)
        part = (at - below).astype(np.float32)[:, None, None]
        result = result[below] * (1 - part) + result[below + 1] * part
    result = np.array(result, np.float32)
    if rng.random() < 0.6:  # another microphone and timbre: a smooth curve over the bands
        curve = np.interp(np.linspace(0, 5, bands), np.arange(6), rng.normal(0, 0.4, 6))
        result[:, :, 0] += curve.astype(np.float32)
    width = int(rng.integers(25))
    start = int(rng.integers(frames - width))
    result[start : start + width] = 0
    width = int(rng.integers(bands // 5))
    start = int(rng.integers(bands - width))
    result[:, start : start + width] = 0
    return result

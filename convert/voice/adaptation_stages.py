"""Prosody of every clip at every stage of adaptation: relative to all voices, or to more and more clips of its speaker.

The device meets new speakers and adapts to them. A network trained only on well-known voices fails on new ones (RAVDESS
52 UAR). One trained on all stages does not (61), and is equally good in the end.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.speech.clips import Clip
from convert.evaluation.predictions import Ints
from convert.voice.augment import augment, make_music, make_noise, trim_silence
from device.emotions import Floats
from device.perception.audio.prosody import PROSODY, prosody
from device.perception.audio.stft import RATE_HZ
from device.perception.voice.classifier import WINDOW
from device.perception.voice.speaker_baseline import PRIOR, deviations

AUGMENTED = 2
STAGES = (0, 2, 5, 10, 20, 10_000)
"""Utterances of the speaker heard before, at each stage."""
LAST_STAGE = len(STAGES) - 1
ORDERS = 4
"""Random orders in which each speaker's clips are heard."""


def compute_prosody(clips: Sequence[Clip]) -> Floats:
    """(clips, PROSODY) of the last three seconds of each clip."""
    return np.stack([prosody(trim_silence(clip.real)[-WINDOW:]) for clip in clips])


def _digest_prosody() -> "hashlib._Hash":
    """SHA-256 of the prosody of a test signal: it changes with the code that computes prosody."""
    return hashlib.sha256(prosody(np.sin(np.arange(16_000) ** 1.3 / 50).astype(np.float32)).tobytes())


def load_prosody(clips: Sequence[Clip], noises: list[npt.NDArray[np.int16]], cache: Path) -> Floats:
    """(clips, 1 + AUGMENTED, PROSODY): the last three seconds unchanged, then augmented copies; cached in `cache`."""
    digest = _digest_prosody()
    for clip in clips:
        digest.update(f"{clip.corpus}/{clip.name}/{len(clip.samples)}".encode())
    path = cache / f"prosody-{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        values = np.zeros((len(clips), 1 + AUGMENTED, PROSODY), np.float32)
        values[:, 0] = compute_prosody(clips)
        for i, clip in enumerate(clips):
            rng, voice = np.random.default_rng((11, i)), trim_silence(clip.real)
            for k in range(1, 1 + AUGMENTED):
                values[i, k] = prosody(trim_silence(augment(voice, noises, rng)))
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.stem}.partial.npy")
        np.save(partial, values)
        partial.replace(path)
    return np.asarray(np.load(path))


def load_noise_prosody(noises: list[npt.NDArray[np.int16]], count: int, cache: Path) -> Floats:
    """(count, PROSODY) of household sounds, hiss, hum and generated music, all without a voice; cached in `cache`."""
    path = cache / f"silence-{count}-{_digest_prosody().hexdigest()[:16]}.npy"
    if not path.exists():
        rng = np.random.default_rng(13)
        bands = [(make_music(5 * RATE_HZ, rng) * 32767).astype(np.int16) for _ in range(count // 8)]
        sounds = (make_noise(3 * RATE_HZ, noises + bands, rng) for _ in range(count))
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack([prosody(trim_silence(sound)[-WINDOW:]) for sound in sounds]))
    return np.asarray(np.load(path))


@dataclass(frozen=True)
class Stages:
    """The baseline of each speaker at each stage."""

    numbers: Floats
    """(clips, 1 + AUGMENTED, PROSODY)."""
    centre: Floats
    """(PROSODY,) over the training clips: voices in general."""
    spread: Floats
    speaker_rows: npt.NDArray[np.int64]
    """(clips,): row of `baselines`."""
    baselines: Floats
    """(speakers, 1 + AUGMENTED, stages, ORDERS, 2, PROSODY): centre and spread."""

    def deviations_at(self, clip: Ints, view: Ints, stage: Ints, order: Ints) -> Floats:
        """Deviations (n, PROSODY) from the baselines; the arguments are (n,) indices."""
        baselines = self.baselines[self.speaker_rows[clip], view, stage, order]
        return deviations(self.numbers[clip, view], baselines[:, 0], baselines[:, 1])


def build_stages(numbers: Floats, clips: Sequence[Clip], trains: npt.NDArray[np.bool_], seed: int = 3) -> Stages:
    """Compute every speaker's baselines, also for augmented copies; `trains` (clips,) selects the training clips."""
    rng = np.random.default_rng(seed)
    centre = numbers[trains, 0].mean(axis=0)
    spread = numbers[trains, 0].std(axis=0) + 1e-6
    away = np.clip((numbers - centre) / spread, -4, 4)
    names = [f"{clip.speaker}/{clip.corpus}" for clip in clips]
    speakers, speaker_rows = np.unique(names, return_inverse=True)
    baselines = np.zeros((len(speakers), numbers.shape[1], len(STAGES), ORDERS, 2, PROSODY), np.float32)
    for speaker in range(len(speakers)):
        own = np.flatnonzero(speaker_rows == speaker)
        for order in range(ORDERS):
            shuffled = away[rng.permutation(own)]
            for (stage, count), view in product(enumerate(STAGES), range(numbers.shape[1])):
                baselines[speaker, view, stage, order] = _adapt_baseline(shuffled[:count, view], centre, spread)
    return Stages(numbers, centre, spread, speaker_rows, baselines)


def _adapt_baseline(away: Floats, centre: Floats, spread: Floats) -> Floats:
    """Centre and spread (2, PROSODY) as SpeakerBaseline estimates them from `away` (utterances, PROSODY)."""
    own = len(away) / (len(away) + PRIOR)
    mean = own * away.mean(axis=0) if len(away) else np.zeros_like(centre)
    square = (own * (away**2).mean(axis=0) if len(away) else 0) + (1 - own)
    return np.stack([centre + mean * spread, np.sqrt(np.maximum(square - mean**2, 1e-4)) * spread])

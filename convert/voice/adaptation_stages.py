"""Every clip at every stage of acquaintance: set against voices in general, or against more and more of its speaker's.

The device meets strangers and comes to know them. A network that has only seen well-known voices is lost with a
stranger (RAVDESS 52 UAR); one that has seen all stages is not (61), and is as good as the other in the end.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.datasets.clips import Clip
from convert.evaluation.predictions import Ints
from convert.voice.augment import augment, make_music, make_noise, trim_silence
from device.emotions import Floats
from device.perception.audio.prosody import PROSODY, prosody
from device.perception.audio.stft import RATE_HZ
from device.perception.voice.classifier import WINDOW
from device.perception.voice.speaker_baseline import PRIOR, deviations

AUGMENTED = 2
STAGES = (0, 2, 5, 10, 20, 10_000)
"""Utterances of the speaker that are known at each stage."""
LAST_STAGE = len(STAGES) - 1
ORDERS = 4
"""In so many random orders is each speaker got to know."""


def compute_prosody(clips: Sequence[Clip]) -> Floats:
    """(clips, PROSODY): the last three seconds of each."""
    return np.stack([prosody(trim_silence(clip.real)[-WINDOW:]) for clip in clips])


def load_prosody(clips: Sequence[Clip], noises: list[npt.NDArray[np.int16]], cache: Path) -> Floats:
    """(clips, 1 + AUGMENTED, PROSODY): the last three seconds as they are, then changed copies; kept in `cache`."""
    digest = hashlib.sha256(prosody(np.sin(np.arange(16_000) ** 1.3 / 50).astype(np.float32)).tobytes())
    for clip in clips:
        digest.update(f"{clip.corpus}/{clip.name}/{len(clip.samples)}".encode())
    path = cache / f"prosody-{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        made = np.zeros((len(clips), 1 + AUGMENTED, PROSODY), np.float32)
        made[:, 0] = compute_prosody(clips)
        for i, clip in enumerate(clips):
            rng, voice = np.random.default_rng((11, i)), trim_silence(clip.real)
            for k in range(1, 1 + AUGMENTED):
                made[i, k] = prosody(trim_silence(augment(voice, noises, rng)))
        cache.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.stem}.partial.npy")
        np.save(partial, made)
        partial.replace(path)
    return np.asarray(np.load(path))


def load_noise_prosody(noises: list[npt.NDArray[np.int16]], count: int, cache: Path) -> Floats:
    """(count, PROSODY) of what is no voice: household sounds, hiss, hum and made-up music; kept in `cache`."""
    digest = hashlib.sha256(prosody(np.sin(np.arange(16_000) ** 1.3 / 50).astype(np.float32)).tobytes())
    path = cache / f"silence-{count}-{digest.hexdigest()[:16]}.npy"
    if not path.exists():
        rng = np.random.default_rng(13)
        bands = [(make_music(5 * RATE_HZ, rng) * 32767).astype(np.int16) for _ in range(count // 8)]
        sounds = (make_noise(3 * RATE_HZ, noises + bands, rng) for _ in range(count))
        cache.mkdir(parents=True, exist_ok=True)
        np.save(path, np.stack([prosody(trim_silence(sound)[-WINDOW:]) for sound in sounds]))
    return np.asarray(np.load(path))


@dataclass(frozen=True)
class Stages:
    """What is usual for each speaker at each stage."""

    numbers: Floats
    """(clips, 1 + AUGMENTED, PROSODY)."""
    centre: Floats
    """(PROSODY,) over the clips that train: voices in general."""
    spread: Floats
    of_speaker: npt.NDArray[np.int64]
    """(clips,): row of `usual`."""
    usual: Floats
    """(speakers, 1 + AUGMENTED, stages, ORDERS, 2, PROSODY): centre and spread."""

    def at(self, clip: Ints, view: Ints, stage: Ints, order: Ints) -> Floats:
        """(n, PROSODY) deviations; the four are (n,) indices."""
        usual = self.usual[self.of_speaker[clip], view, stage, order]
        return deviations(self.numbers[clip, view], usual[:, 0], usual[:, 1])


def build_stages(numbers: Floats, clips: Sequence[Clip], trains: npt.NDArray[np.bool_], seed: int = 3) -> Stages:
    """Get to know every speaker, and again in the rooms of the changed copies; `trains` (clips,) are the general."""
    rng = np.random.default_rng(seed)
    centre = numbers[trains, 0].mean(axis=0)
    spread = numbers[trains, 0].std(axis=0) + 1e-6
    away = np.clip((numbers - centre) / spread, -4, 4)
    names = [f"{clip.speaker}/{clip.corpus}" for clip in clips]
    speakers, of_speaker = np.unique(names, return_inverse=True)
    usual = np.zeros((len(speakers), numbers.shape[1], len(STAGES), ORDERS, 2, PROSODY), np.float32)
    for s in range(len(speakers)):
        own = np.flatnonzero(of_speaker == s)
        for order in range(ORDERS):
            heard = rng.permutation(own)
            for stage, count in enumerate(STAGES):
                for view in range(numbers.shape[1]):
                    usual[s, view, stage, order] = _adapt_baseline(away[heard[:count], view], centre, spread)
    return Stages(numbers, centre, spread, of_speaker, usual)


def _adapt_baseline(away: Floats, centre: Floats, spread: Floats) -> Floats:
    """(2, PROSODY): as VoiceBaseline comes to know it; `away` (utterances, PROSODY)."""
    own = len(away) / (len(away) + PRIOR)
    mean = own * away.mean(axis=0) if len(away) else np.zeros_like(centre)
    square = (own * (away**2).mean(axis=0) if len(away) else 0) + (1 - own)
    return np.stack([centre + mean * spread, np.sqrt(np.maximum(square - mean**2, 1e-4)) * spread])

"""What the speech encoder is distilled on: the spoken orders, clean and as a device in a room hears them.

Ordinary speech without labels is enough, and none of the corpora that test a voice network is touched. So one encoder
serves every protocol, and no speaker of a test has been heard by it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from convert.voice.copies.clean import COPIES, make_clean_copy
from convert.voice.copies.degraded import degrade, read_surroundings
from convert.voice.corpora import read_clips
from device.perception.voice.chunks import cut_chunks

Halves = npt.NDArray[np.float16]
_SEED = 26


@dataclass(frozen=True)
class Chunks:
    """Chunks of speech, each twice."""

    clean: Halves
    """(n, 2 CHUNK, BANDS) log-mel: what Whisper hears."""
    degraded: Halves
    """The same moments with a room, noises, another microphone or a codec: what the encoder may hear."""


def load_chunks(data: Path, cache: Path, copies: int = COPIES) -> Chunks:
    """`copies` of each order at different speeds and pitches, as chunks; computed once and stored in `cache`."""
    parts = [_load_copy(data, cache, copy) for copy in range(copies)]
    return Chunks(np.concatenate([part.clean for part in parts]), np.concatenate([part.degraded for part in parts]))


def _load_copy(data: Path, cache: Path, copy: int) -> Chunks:
    path = cache / f"encoder-chunks-{copy}.npz"
    if not path.exists():
        surroundings = read_surroundings(data, cache)
        clean, degraded = [], []
        for clip in read_clips(data, "orders", cache):
            samples = make_clean_copy(clip, copy)
            rng = np.random.default_rng([_SEED, copy, *clip.name.encode()])
            clean.append(cut_chunks(samples).astype(np.float16))
            degraded.append(cut_chunks(degrade(samples, surroundings, rng)).astype(np.float16))
        with (partial := path.with_suffix(".partial")).open("wb") as file:
            np.savez(file, clean=np.concatenate(clean), degraded=np.concatenate(degraded))
        partial.replace(path)
    stored = np.load(path)
    return Chunks(stored["clean"], stored["degraded"])

"""The pooled features of every clip, computed by the int8 speech encoder once and stored.

python -m convert.voice.encoder.features ../shared/data runs/cache runs/speech-encoder/speech-encoder.tflite
"""

import argparse
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.voice.copies.clean import make_clean_copy
from convert.voice.copies.degraded import Surroundings, degrade, read_surroundings
from convert.voice.corpora import CORPORA, read_clips
from device.emotions import Floats
from device.perception.voice.speech_encoder import SpeechEncoder, pool_frames

_SEED = 27


def load_features(
    data: Path, cache: Path, encoder: Path, corpora: Sequence[str] = CORPORA, *, degraded: bool = False
) -> Floats:
    """(clips, features) float32 of the clips of `corpora` in `read_clips`' order, unchanged or `degraded`."""
    content = encoder.read_bytes()
    name = f"{hashlib.sha256(content).hexdigest()[:12]}-{'degraded' if degraded else 'clean'}"
    reader = SpeechEncoder(content, str(encoder))
    surroundings = read_surroundings(data, cache) if degraded else None
    parts = []
    for corpus in corpora:
        path = cache / f"features-{name}-{corpus}.npy"
        if not path.exists():
            rows = _read(reader, data, cache, corpus, surroundings)
            with (partial := path.with_suffix(".partial")).open("wb") as file:
                np.save(file, rows)
            partial.replace(path)
            print(f"features: {path.name}, {len(rows)} clips", flush=True)
        parts.append(np.load(path))
    return np.concatenate(parts)


def _read(reader: SpeechEncoder, data: Path, cache: Path, corpus: str, surroundings: Surroundings | None) -> Floats:
    rows = []
    for clip in read_clips(data, corpus, cache):
        samples = make_clean_copy(clip, 0)
        if surroundings is not None:
            samples = degrade(samples, surroundings, np.random.default_rng([_SEED, *clip.name.encode()]))
        reader.reset()
        rows.append(pool_frames(reader.encode(samples)))
    return np.stack(rows)


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and compute what is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("encoder", type=Path, help="the int8 network")
    arguments = parser.parse_args(words)
    for degraded in (False, True):
        load_features(arguments.data, arguments.cache, arguments.encoder, degraded=degraded)


if __name__ == "__main__":
    main()

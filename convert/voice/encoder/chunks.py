"""Cuts a sound into the chunks that the speech encoder reads, and joins what it says about them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from convert.voice.whisper.log_mel import log_mel
from device.emotions import Floats

CHUNK = 64
"""Frames of 20 ms that the network reads at a time. A second of sound takes one chunk: 50 new frames, and what came
before them as context."""
NEW = 50
"""Frames of a chunk that are kept, unless it is the first of a sound."""


def split_frames(count: int) -> list[tuple[int, int]]:
    """(first frame, first frame that is new) of each chunk of a sound of `count` frames.

    The first chunk is new as a whole. The others have NEW new frames at their end, the last one fewer where the sound
    ends. A sound shorter than a chunk begins at a negative frame.
    """
    if count <= CHUNK:
        return [(count - CHUNK, 0)]
    ends = [*range(CHUNK, count, NEW), count]
    return [(0, 0), *((end - CHUNK, before) for before, end in pairwise(ends))]


def cut_chunks(samples: Floats) -> Floats:
    """(n,) float32 at 16 kHz -> (chunks, 2 CHUNK, BANDS) float32 log-mel; a short sound is padded with its quietest."""
    mel = log_mel(samples).T
    count = len(mel) // 2
    padding = max(CHUNK - count, 0)
    padded = np.pad(mel, ((2 * padding, 0), (0, 0)), constant_values=float(mel.min()))
    starts = [2 * (first + padding) for first, _ in split_frames(count)]
    return np.stack([padded[start : start + 2 * CHUNK] for start in starts])


def join_chunks(outputs: Floats | Sequence[Floats], count: int) -> Floats:
    """(chunks, CHUNK, width) of a sound of `count` frames -> (count, width): the new frames of each chunk."""
    spans = split_frames(count)
    return np.concatenate([row[new - first :] for row, (first, new) in zip(outputs, spans, strict=True)])

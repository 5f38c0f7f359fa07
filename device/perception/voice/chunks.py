"""Cuts a sound into the chunks that the speech encoder reads, and joins what it says about them."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from device.emotions import Floats
from device.perception.audio.speech_mel import speech_mel

CHUNK = 64
"""Frames of 20 ms that the network reads at a time."""
NEW = 52
"""Frames of a chunk that are kept, unless it is the first of a sound; the ones before them are context. A second of a
stream takes one chunk: 50 frames, and the two at the end of the last window, which silence followed."""


def split_frames(count: int, known: int = 0) -> list[tuple[int, int]]:
    """(first frame, first frame that is new) of each chunk of a sound of `count` frames.

    The frames before `known` need no chunk. Without them, the first chunk is new as a whole. The others have NEW new
    frames at their end, the last one fewer where the sound ends. A chunk may begin at a negative frame.
    """
    start = known or min(CHUNK, count)
    ends = [start, *range(start + NEW, count, NEW), *([count] if count > start else [])]
    first = [] if known else [(start - CHUNK, 0)]
    return [*first, *((end - CHUNK, before) for before, end in pairwise(ends))]


def cut_chunks(samples: Floats, known: int = 0) -> Floats:
    """(n,) float32 at 16 kHz -> (chunks, 2 CHUNK, BANDS) float32; what lies before the sound is as quiet as it gets."""
    mel = speech_mel(samples)
    spans = split_frames(len(mel) // 2, known)
    padding = max(-spans[0][0], 0) if spans else 0
    padded = np.pad(mel, ((2 * padding, 0), (0, 0)), constant_values=float(mel.min()))
    starts = [2 * (first + padding) for first, _ in spans]
    return np.stack([padded[start : start + 2 * CHUNK] for start in starts])


def join_chunks(outputs: Floats | Sequence[Floats], count: int, known: int = 0) -> Floats:
    """(chunks, CHUNK, width) of a sound of `count` frames -> (count - known, width): the new frames of each chunk."""
    spans = split_frames(count, known)
    return np.concatenate([row[new - first :] for row, (first, new) in zip(outputs, spans, strict=True)])

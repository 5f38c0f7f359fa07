"""Runs the speech encoder: sound -> what the voice network reads of it, every 20 ms.

The encoder is part of the preprocessing, as the detectors are for faces: it has learned how speech sounds, and nothing
of emotions.
"""

import numpy as np

from device.emotions import Floats
from device.perception.audio.speech_mel import normalize_level
from device.perception.audio.stft import HOP
from device.perception.tflite import Network
from device.perception.voice.chunks import cut_chunks, join_chunks

_LATE = 2
"""Frames at the end of a sound that depend on the silence after it: they are encoded again once it goes on."""


class SpeechEncoder:
    """Encodes the windows of one stream. What one window has in common with the last is encoded only once."""

    def __init__(self, content: bytes, name: str) -> None:
        """`content`: the .tflite. Raises ModelError, with `name` in it, when the runtime cannot run it."""
        self._network = Network(content, name)
        self.reset()

    def reset(self) -> None:
        """Forget the last sound."""
        self._samples, self._at, self._frames = np.zeros(0, np.float32), 0, np.zeros((0, 0), np.float32)

    def encode(self, samples: Floats, at: int = 0) -> Floats:
        """(n,) float32 at 16 kHz -> (n // HOP, width) float32, for HOP samples or more.

        `at`: the number of the first sample in its stream. The caller must not change `samples` afterwards.
        """
        known = self._known_frames(samples, at)
        count = len(samples) // HOP
        frames = known
        if len(known) < count:
            # The level of what is known was that of an earlier window: the voice is the same, and it hardly differs.
            chunks = cut_chunks(normalize_level(samples), len(known))
            outputs = [self._run(chunk) for chunk in chunks]
            new = join_chunks(outputs, count, len(known))
            frames = np.concatenate([known, new]) if len(known) else new
        self._samples, self._at, self._frames = samples, at, frames
        return np.asarray(frames, np.float32)

    def _run(self, chunk: Floats) -> Floats:
        """(2 CHUNK, BANDS) -> (CHUNK, width): the outputs of all blocks, side by side."""
        return np.concatenate([block[0] for block in self._network.run(chunk[None, :, None])], axis=1)

    def _known_frames(self, samples: Floats, at: int) -> Floats:
        """The frames at the beginning of `samples` that were encoded with the last sound; none if it was another."""
        shift, odd = divmod(at - self._at, HOP)
        common = min(len(samples), len(self._samples) - shift * HOP)
        # `at` alone proves nothing: after a gap in the stream, or in another file, the samples differ.
        if odd or shift < 0 or common <= 0:
            return self._frames[:0]
        if not np.array_equal(samples[:common], self._samples[shift * HOP : shift * HOP + common]):
            return self._frames[:0]
        is_same = len(samples) == common == len(self._samples)
        return self._frames[shift : shift + max(common // HOP - (0 if is_same else _LATE), 0)]


def pool_frames(frames: Floats) -> Floats:
    """(t, width) -> (2 width,) float32: mean and deviation over time, what is read of an utterance."""
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float32)

"""The trained speech encoder -> the int8 .tflite that a device runs, and the reader of it that training shares."""

from pathlib import Path

import numpy as np

from convert.voice.encoder.chunks import CHUNK, cut_chunks, join_chunks
from convert.voice.encoder.material import Chunks
from convert.voice.encoder.network import SpeechEncoder
from convert.voice.whisper.log_mel import BANDS
from device.emotions import Floats
from device.perception.audio.stft import HOP
from device.perception.tflite import Network

INPUT_SHAPE = (1, 2 * CHUNK, 1, BANDS)
_CALIBRATION = 200


def export_encoder(encoder: SpeechEncoder, chunks: Chunks, path: Path) -> None:
    """Write the int8 network; its ranges are those of chunks spread evenly over all, clean and degraded."""
    from convert.export.tflite import export_int8  # half a minute of imports

    both = np.concatenate([chunks.clean, chunks.degraded])
    some = both[:: max(len(both) // _CALIBRATION, 1)].astype(np.float32)
    content, _ = export_int8(encoder, INPUT_SHAPE, [chunk[None, :, None] for chunk in some])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


class EncoderReader:
    """Runs the int8 speech encoder on sounds."""

    def __init__(self, content: bytes, name: str) -> None:
        """Raises ModelError when the runtime cannot run `content`."""
        self._network = Network(content, name)

    def read(self, samples: Floats) -> Floats:
        """(n,) float32 at 16 kHz -> (n // HOP, blocks x width) float32: the outputs of all blocks, side by side."""
        outputs = [
            np.concatenate([block[0] for block in self._network.run(chunk[None, :, None])], axis=1)
            for chunk in cut_chunks(samples)
        ]
        return np.asarray(join_chunks(outputs, len(samples) // HOP), np.float32)


def pool(frames: Floats) -> Floats:
    """(t, k) -> (2 k,) float32: mean and deviation over time, what is read of an utterance."""
    return np.concatenate([frames.mean(axis=0), frames.std(axis=0)]).astype(np.float32)

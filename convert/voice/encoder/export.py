"""The trained speech encoder -> the int8 .tflite that a device runs."""

from pathlib import Path

import numpy as np

from convert.voice.encoder.material import Chunks
from convert.voice.encoder.network import SpeechEncoder
from device.perception.audio.speech_mel import BANDS
from device.perception.voice.chunks import CHUNK

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

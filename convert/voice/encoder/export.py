"""The trained speech encoder -> the int8 .tflite that a device runs.

python -m convert.voice.encoder.export ../shared/data runs/cache runs/speech-encoder
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from convert.voice.encoder.distill import load_encoder
from convert.voice.encoder.material import Chunks, load_chunks
from convert.voice.encoder.network import SpeechEncoder
from device.perception.audio.speech_mel import BANDS
from device.perception.voice.chunks import CHUNK

INPUT_SHAPE = (1, 2 * CHUNK, 1, BANDS)
PUBLISHED = Path(__file__).parents[2] / "published" / "speech-encoder.tflite"
_CALIBRATION = 200


def export_encoder(encoder: SpeechEncoder, chunks: Chunks, path: Path) -> None:
    """Write the int8 network; its ranges are those of chunks spread evenly over all, clean and degraded."""
    from convert.export.tflite import export_int8  # half a minute of imports

    both = np.concatenate([chunks.clean, chunks.degraded])
    some = both[:: max(len(both) // _CALIBRATION, 1)].astype(np.float32)
    content, _ = export_int8(encoder, INPUT_SHAPE, [chunk[None, :, None] for chunk in some])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def main(words: Sequence[str] | None = None) -> None:
    """Parse the arguments and write the network."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("cache", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=PUBLISHED, help="the .tflite to write (default: %(default)s)")
    arguments = parser.parse_args(words)
    export_encoder(load_encoder(arguments.run), load_chunks(arguments.data, arguments.cache), arguments.out)


if __name__ == "__main__":
    main()

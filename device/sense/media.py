"""Sound and pictures out of files and bytes: the one place that opens media. Nothing is ever written."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np

from device.emotions import Floats
from device.errors import MediaError
from device.sense.features import RATE_HZ

_BLOCK = 4096


def sound_blocks(source: Path | BinaryIO, rate_hz: int = RATE_HZ) -> Iterator[Floats]:
    """The first sound track of a file, as blocks (n,) float32 in -1..1, mono at `rate_hz`.

    Raises MediaError, naming the file, when it cannot be opened, holds no sound, or breaks off in the middle.
    """
    name = str(source) if isinstance(source, Path) else "sound"
    try:
        with av.open(str(source) if isinstance(source, Path) else source) as container:
            if not container.streams.audio:
                raise MediaError(f"{name}: no sound in it")
            resampler = av.AudioResampler("fltp", "mono", rate_hz, frame_size=_BLOCK)
            for decoded in container.decode(container.streams.audio[0]):
                for frame in resampler.resample(decoded):
                    yield frame.to_ndarray()[0].astype(np.float32, copy=False)
            for frame in resampler.resample(None):
                yield frame.to_ndarray()[0].astype(np.float32, copy=False)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read as sound ({_reason(error)})") from error


def read_sound(source: Path | BinaryIO, rate_hz: int = RATE_HZ) -> Floats:
    """A whole sound: (samples,) float32 mono at `rate_hz`; empty when the file holds none of them."""
    blocks = list(sound_blocks(source, rate_hz))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

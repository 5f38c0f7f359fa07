"""A sound or video file that plays in real time in place of a microphone."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from device.emotions import Floats
from device.errors import DeviceError, EndOfMedia, MediaError
from device.perception.audio.stft import RATE_HZ
from device.perception.media.decode import sound_blocks

_WAIT_S = 0.4


class FileMicrophone:
    """The sound of a file. A block is delivered when its last sample is due: `start_s` plus its time in the file."""

    still_is_frozen = False

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, start_s: float | None = None) -> None:
        """Open it. Raises DeviceError."""
        self.name = path.name
        self.overflows = self._delivered = 0
        self._clock = clock
        self._blocks: Iterator[Floats] = sound_blocks(path)
        self._next = self._decode()
        self._start_s = clock() if start_s is None else start_s

    def read(self) -> tuple[Floats, float] | None:
        """The next block; None if it is not due within 0.4 s. Blocks more than a second late are dropped."""
        while self._next is not None:
            end_s = self._start_s + (self._delivered + len(self._next)) / RATE_HZ
            wait_s = end_s - self._clock()
            time.sleep(min(max(wait_s, 0.0), _WAIT_S))
            if wait_s > _WAIT_S:
                return None
            block = self._next
            self._next = self._decode()
            self._delivered += len(block)
            if wait_s > -1:
                return block, end_s
            self.overflows += 1
        raise EndOfMedia(f"{self.name}: played to its end")

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()  # type: ignore[attr-defined]  # sound_blocks is a generator

    def _decode(self) -> Floats | None:
        try:
            return next(self._blocks, None)
        except MediaError as error:
            raise DeviceError(str(error)) from error

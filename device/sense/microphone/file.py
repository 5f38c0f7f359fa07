"""A sound or video file in a microphone's place, at the pace of life."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from device.emotions import Floats
from device.errors import DeviceError, EndOfMedia, MediaError
from device.perception.audio.stft import RATE_HZ
from device.perception.media.decode import sound_blocks

_WAIT_S = 0.4
_LATE_S = 1.0


class FileMicrophone:
    """The sound of a file. A block is given when its last sample is due: `start_s` plus its place in the file."""

    still_is_frozen = False

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, start_s: float | None = None) -> None:
        """Open it. Raises DeviceError."""
        self.name = path.name
        self.overflows = 0
        self._clock = clock
        self._blocks: Iterator[Floats] = sound_blocks(path)
        self._given = 0
        self._next = self._decoded()
        self._start_s = clock() if start_s is None else start_s

    def read(self) -> tuple[Floats, float] | None:
        """The next block; None when it is not due within 0.4 s. What is late by over a second is dropped."""
        while self._next is not None:
            end_s = self._start_s + (self._given + len(self._next)) / RATE_HZ
            wait_s = end_s - self._clock()
            if wait_s > _WAIT_S:
                time.sleep(_WAIT_S)
                return None
            if wait_s > 0:
                time.sleep(wait_s)
            block = self._next
            self._given += len(block)
            self._next = self._decoded()
            if wait_s > -_LATE_S:
                return block, end_s
            self.overflows += 1
        raise EndOfMedia(f"{self.name}: played to its end")

    def close(self) -> None:
        """Close the file."""
        self._blocks.close()  # type: ignore[attr-defined]  # sound_blocks is a generator

    def _decoded(self) -> Floats | None:
        try:
            return next(self._blocks, None)
        except MediaError as error:
            raise DeviceError(str(error)) from error

"""A video or picture file in a camera's place, at the pace of life."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from device.errors import DeviceError, EndOfMedia, MediaError
from device.perception.media.decode import kind_of, video_frames
from device.perception.media.picture import Pixels, read_picture
from device.readings import Frame

_WAIT_S = 0.4
_SKIPPING_S = 0.5
"""Frames that are late are skipped, but not for longer than this: a slow machine sees something too."""


class VideoCamera:
    """A video file. A frame's time is when it is due: `start_s` plus its place in the file; late ones are skipped."""

    still_is_frozen = False

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, start_s: float | None = None) -> None:
        """Open it. Raises DeviceError."""
        self.name = path.name
        self._clock = clock
        self._frames: Iterator[tuple[Pixels, float]] = video_frames(path)
        self._next = self._decoded()
        self._start_s = clock() if start_s is None else start_s

    def read(self) -> Frame | None:
        """The newest frame that is due; None when the next is not due within 0.4 s. EndOfMedia after the last."""
        if self._next is None:
            raise EndOfMedia(f"{self.name}: played to its end")
        wait_s = self._start_s + self._next[1] - self._clock()
        if wait_s > 0:
            time.sleep(min(wait_s, _WAIT_S))
            if wait_s > _WAIT_S:
                return None
        until_s = self._clock() + _SKIPPING_S
        pixels, pts_s = self._next
        self._next = self._decoded()
        while self._next and self._start_s + self._next[1] <= self._clock() < until_s:
            pixels, pts_s = self._next
            self._next = self._decoded()
        return Frame(pixels, self._start_s + pts_s)

    def close(self) -> None:
        """Close the file."""
        self._frames.close()  # type: ignore[attr-defined]  # video_frames is a generator

    def _decoded(self) -> tuple[Pixels, float] | None:
        try:
            return next(self._frames, None)
        except MediaError as error:
            raise DeviceError(str(error)) from error


class PictureCamera:
    """A picture file: the same picture `fps` times a second, for ever."""

    still_is_frozen = False

    def __init__(
        self,
        path: Path,
        fps: float,
        clock: Callable[[], float] = time.monotonic,
        start_s: float | None = None,
    ) -> None:
        """Read it. Raises DeviceError."""
        self.name = path.name
        try:
            self._pixels = read_picture(path)
        except MediaError as error:
            raise DeviceError(str(error)) from error
        self._clock = clock
        self._step_s = 1 / fps
        self._due_s = clock() if start_s is None else start_s

    def read(self) -> Frame | None:
        """The picture, when it is due again; None when that is not within 0.4 s."""
        wait_s = self._due_s - self._clock()
        if wait_s > 0:
            time.sleep(min(wait_s, _WAIT_S))
            if wait_s > _WAIT_S:
                return None
        # After a pause it goes on from now: the moments that were missed are not made up for.
        due_s = max(self._due_s, self._clock() - self._step_s)
        self._due_s = due_s + self._step_s
        return Frame(self._pixels.copy(), due_s)

    def close(self) -> None:
        """There is nothing to let go of."""


def open_file(path: Path, fps: float, clock: Callable[[], float], start_s: float | None) -> VideoCamera | PictureCamera:
    """The camera that fits the file. Raises DeviceError, naming it, when it holds nothing to see."""
    try:
        kind = kind_of(path)
    except MediaError as error:
        raise DeviceError(str(error)) from error
    if kind == "sound":
        raise DeviceError(f"{path}: sound only, no picture in it; camera.source needs a picture or a video")
    return PictureCamera(path, fps, clock, start_s) if kind == "image" else VideoCamera(path, clock, start_s)

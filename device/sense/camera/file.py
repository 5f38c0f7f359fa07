"""A video or picture file that plays in real time in place of a camera."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from device.errors import DeviceError, EndOfMedia, MediaError
from device.perception.media.decode import detect_kind, video_frames
from device.perception.media.picture import Pixels, read_picture
from device.readings import Frame

_WAIT_S = 0.4
_MAX_SKIP_S = 0.5
"""Late frames are skipped, but not for longer than this, so that a slow machine still gets some."""


class VideoCamera:
    """A video file. A frame's time is `start_s` plus its time in the file. Late frames are skipped."""

    still_is_frozen = False

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic, start_s: float | None = None) -> None:
        """Open it. Raises DeviceError."""
        self.name = path.name
        self._clock = clock
        self._frames: Iterator[tuple[Pixels, float]] = video_frames(path)
        self._next = self._decode()
        self._start_s = clock() if start_s is None else start_s

    def read(self) -> Frame | None:
        """The newest frame that is due; None if none is within 0.4 s. Raises EndOfMedia after the last."""
        if self._next is None:
            raise EndOfMedia(f"{self.name}: played to its end")
        wait_s = self._start_s + self._next[1] - self._clock()
        time.sleep(min(max(wait_s, 0.0), _WAIT_S))
        if wait_s > _WAIT_S:
            return None
        until_s = self._clock() + _MAX_SKIP_S
        pixels, pts_s = self._next
        self._next = self._decode()
        while self._next and self._start_s + self._next[1] <= self._clock() < until_s:
            pixels, pts_s = self._next
            self._next = self._decode()
        return Frame(pixels, self._start_s + pts_s)

    def close(self) -> None:
        """Close the file."""
        self._frames.close()  # type: ignore[attr-defined]  # video_frames is a generator

    def _decode(self) -> tuple[Pixels, float] | None:
        try:
            return next(self._frames, None)
        except MediaError as error:
            raise DeviceError(str(error)) from error


class PictureCamera:
    """A picture file: the same picture `fps` times a second, without end."""

    still_is_frozen = False

    def __init__(
        self, path: Path, fps: float, clock: Callable[[], float] = time.monotonic, start_s: float | None = None
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
        """The picture, once it is due again; None if it is not within 0.4 s."""
        wait_s = self._due_s - self._clock()
        time.sleep(min(max(wait_s, 0.0), _WAIT_S))
        if wait_s > _WAIT_S:
            return None
        # After a pause it continues from now, without catching up.
        due_s = max(self._due_s, self._clock() - self._step_s)
        self._due_s = due_s + self._step_s
        return Frame(self._pixels.copy(), due_s)

    def close(self) -> None:
        """Nothing to close."""


def open_file(path: Path, fps: float, clock: Callable[[], float], start_s: float | None) -> VideoCamera | PictureCamera:
    """The camera for this kind of file. Raises DeviceError, which names the file, if it has no picture."""
    try:
        kind = detect_kind(path)
    except MediaError as error:
        raise DeviceError(str(error)) from error
    if kind == "sound":
        raise DeviceError(f"{path}: a sound without a picture; camera.source needs a picture or a video")
    return PictureCamera(path, fps, clock, start_s) if kind == "image" else VideoCamera(path, clock, start_s)

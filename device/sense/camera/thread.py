"""The camera thread, and the slot where it leaves its newest frame for the face reader."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from device.ipc.messages import State
from device.readings import Frame
from device.sense.camera import Camera
from device.sense.device_thread import DeviceThread


class Latest:
    """A slot for one frame. A new frame replaces the old one; an unread one counts as dropped."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._filled = threading.Condition()
        self.dropped = 0
        """Frames replaced before they were read, since the start."""

    def put(self, frame: Frame) -> None:
        """Store a frame. Never blocks."""
        with self._filled:
            self.dropped += self._frame is not None
            self._frame = frame
            self._filled.notify()

    def get(self, timeout_s: float) -> Frame | None:
        """Take out the frame, waiting up to `timeout_s`; None if none arrived."""
        with self._filled:
            self._filled.wait_for(lambda: self._frame is not None, timeout_s)
            frame, self._frame = self._frame, None
            return frame

    def clear(self) -> None:
        """Drop the frame without counting it."""
        with self._filled:
            self._frame = None


_ROTATIONS = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def rotate(frame: Frame, rotation: int) -> Frame:
    """`frame` turned clockwise by 0, 90, 180 or 270 degrees, and its small picture, too."""
    if not rotation:
        return frame
    code = _ROTATIONS[rotation]
    small = None if frame.small is None else np.asarray(cv2.rotate(frame.small, code), np.uint8)
    return replace(frame, pixels=np.asarray(cv2.rotate(frame.pixels, code), np.uint8), small=small)


_MIN_SPREAD = 8.0
"""Standard deviation of green over a thousand pixels. A covered lens or a dark night gives 2 to 6, from noise alone; a
lamp at the end of a dark room, or a bare wall by day, has more."""
_DARK = (State.DARK, "nothing can be seen in the picture: is it dark, or is something in front of the lens?")


def is_dark(pixels: npt.NDArray[np.uint8]) -> bool:
    """Whether (h, w, 3) uint8 shows a covered lens or a dark night: the green of a thousand pixels hardly varies."""
    return bool(pixels[::16, ::16, 1].std() < _MIN_SPREAD)


class CameraThread(DeviceThread[Camera]):
    """Reads a camera and leaves its newest frame in `latest`, at most `wanted_fps` times a second."""

    def __init__(
        self,
        opener: Callable[[], Camera],
        latest: Latest,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        wanted_fps: float = 10.0,
        rotation: int = 0,
        on: bool = True,
    ) -> None:
        """`rotation`: degrees clockwise, as in the settings."""
        super().__init__("camera", opener, timeout_s, clock, on)
        self.latest = latest
        self._rotation = rotation
        self.wanted_fps = wanted_fps
        """May be changed at any time. The thread reads all frames, otherwise the device would deliver old ones."""
        self._due_s = 0.0
        self._sample: bytes | None = None

    def _read(self, device: Camera) -> bool:
        if (frame := device.read()) is None:
            return False
        # One pixel in 256 is enough: a sensor's noise changes some of them in every frame.
        sample = frame.pixels[::16, ::16].tobytes()
        self._note_same(device.still_is_frozen and sample == self._sample, self._clock())
        self._sample = sample
        if self._is_due(frame.time_s):
            self._note_unusable(_DARK if is_dark(frame.pixels) else None, self._clock())
            frame = rotate(frame, self._rotation)
            with self._lock:
                if self._on:
                    self.latest.put(frame)
                    self._delivered_s.append(self._clock())
        return True

    def _is_due(self, taken_s: float) -> bool:
        """Whether to deliver a frame. It may be early by a quarter of a step."""
        step_s = 1 / self.wanted_fps
        # Shortens the wait if the rate was raised in the meantime.
        due_s = self._due_s = min(self._due_s, taken_s + step_s)
        if taken_s + step_s / 4 < due_s:
            return False
        # After a frame that is more than a step late, count from it, without catching up.
        self._due_s = (due_s if taken_s - due_s < step_s else taken_s) + step_s
        return True

    def _clear(self) -> None:
        self.latest.clear()
        self._sample = None

    def _count_dropped(self) -> int:
        return self.latest.dropped

    def _describe_frozen(self, for_s: float) -> str:
        return f"the same picture for {for_s:.0f} s"

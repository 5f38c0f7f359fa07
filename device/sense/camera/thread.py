"""The threads of camera and microphone: each reads its device and leaves what it got where the readers find it."""

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
    """Holds at most one frame. A new one replaces it, and each replaced one that nobody took is counted."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._filled = threading.Condition()
        self.dropped = 0
        """Frames replaced unread since the start."""

    def put(self, frame: Frame) -> None:
        """Leave a frame; never blocks."""
        with self._filled:
            self.dropped += self._frame is not None
            self._frame = frame
            self._filled.notify()

    def get(self, timeout_s: float) -> Frame | None:
        """Take the frame out, waiting up to `timeout_s` for one; None when none came."""
        with self._filled:
            self._filled.wait_for(lambda: self._frame is not None, timeout_s)
            frame, self._frame = self._frame, None
            return frame

    def clear(self) -> None:
        """Throw away what is in it, uncounted."""
        with self._filled:
            self._frame = None


_HOW = {90: cv2.ROTATE_90_CLOCKWISE, 180: cv2.ROTATE_180, 270: cv2.ROTATE_90_COUNTERCLOCKWISE}


def upright(frame: Frame, rotation: int) -> Frame:
    """`frame` turned clockwise by 0, 90, 180 or 270 degrees, its small picture too."""
    if not rotation:
        return frame
    how = _HOW[rotation]
    small = None if frame.small is None else np.asarray(cv2.rotate(frame.small, how), np.uint8)
    return replace(frame, pixels=np.asarray(cv2.rotate(frame.pixels, how), np.uint8), small=small)


_MIN_SPREAD = 8.0
"""Standard deviation of a thousand pixels' green: a finger on the lens or a night has 2 to 6, of noise alone; a lamp
at the end of a dark room, or a bare wall by day, more."""
_DARK = (State.DARK, "nothing can be seen in the picture: is it dark, or is something in front of the lens?")


def shows_nothing(pixels: npt.NDArray[np.uint8]) -> bool:
    """Whether (h, w, 3) uint8 is of a covered lens or a night: a thousand pixels' green that hardly differs."""
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
        self._rotation = rotation
        self.wanted_fps = wanted_fps
        """May be changed at any time. All frames are read, or the device would hand out old ones."""
        self._latest = latest
        self._due_s = 0.0
        self._seen: bytes | None = None

    def _take(self, device: Camera) -> bool:
        frame = device.read()
        if frame is None:
            return False
        # One pixel in 256 will do: a sensor's noise changes some of them from any frame to the next.
        seen = frame.pixels[::16, ::16].tobytes()
        same = device.still_is_frozen and seen == self._seen
        self._seen = seen
        self._note(same, self._clock())
        if self._due(frame.time_s):
            self._note_poor(_DARK if shows_nothing(frame.pixels) else None, self._clock())
            frame = upright(frame, self._rotation)
            with self._guard:
                if self._on:
                    self._latest.put(frame)
                    self._handed.append(self._clock())
        return True

    def _due(self, taken_s: float) -> bool:
        """Whether a frame is to be handed on; a quarter of a step early is not too early."""
        step_s = 1 / self.wanted_fps
        # Kept, so that a rate that was raised is not waited for with the old one's patience.
        due_s = self._due_s = min(self._due_s, taken_s + step_s)
        if taken_s + step_s / 4 < due_s:
            return False
        # One that came more than a step late begins a new count: there is nothing to make up for.
        self._due_s = (due_s if taken_s - due_s < step_s else taken_s) + step_s
        return True

    def _forget(self) -> None:
        self._latest.clear()
        self._seen = None

    def _dropped(self) -> int:
        return self._latest.dropped

    def _frozen(self, for_s: float) -> str:
        return f"the same picture for {for_s:.0f} s"

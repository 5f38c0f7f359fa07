"""The slot between a camera's thread and the one that looks: one frame, the newest wins."""

import threading

from device.readings import Frame


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

"""The live view, sense's side: pictures go to `hub` while someone looks, from a thread of their own.

The face thread only offers what it has looked at: a reference, the newest wins. While nobody looks nothing is kept,
copied or encoded. A hub that reads slowly misses pictures; it holds up nothing here. Nothing is written anywhere.
"""

import contextlib
import logging
import socket
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import EMOTIONS, top
from device.ipc.live_view import Header, SeenFace, packed
from device.readings import Face, FaceReading, Frame

_log = logging.getLogger(__name__)

LIVE_FPS = 12.0
"""So many pictures a second while someone looks, where the camera gives them: over the ten that look alive."""
LIVE_CAMERA_FPS = 15.0
"""What the camera itself is asked for at least where the view is allowed: of just ten, a stall would lose one."""
MAX_SIDE_PX = 960
"""A larger picture is shrunk: nobody's page shows more, and even pure noise of this size keeps the JPEG's limit."""
_JPEG_QUALITY = 75
_RETRY_S = 0.5
_PATIENCE_S = 2.0
"""A hub that has taken nothing for so long is let go."""
_SILENT_S = 1.5
"""A camera that has given nothing for so long is lost: the connection ends, and the page shows no old picture."""
_SETTLED = 20
"""After so many pictures, what went wrong before is over, and would be told again."""
_SEND_BUFFER = 32_768
"""Bytes; the kernel doubles it. About one picture, so that a slow hub finds few old ones before the newest."""

Offered = tuple[Frame, Sequence[FaceReading]]


class LiveView:
    """Sends what is offered to the socket at `path` while it is watched and the eye is open.

    Unless `allowed`, as sense's own settings say, it does nothing whatever `hub` asks.
    """

    def __init__(self, path: Path, *, allowed: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._allowed, self._clock = path, allowed, clock
        self._turn = threading.Condition()
        self._until_s = float("-inf")
        self._on = self._stopped = self._refused = False
        self._slot: Offered | None = None
        self._line: socket.socket | None = None
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    @property
    def is_watched(self) -> bool:
        """Whether someone looks now."""
        return self._clock() < self._until_s

    def start(self) -> None:
        """Begin to wait for someone who looks."""
        if self._allowed:
            self._thread.start()

    def stop(self) -> None:
        """Hang up and end."""
        with self._turn:
            self._stopped = True
            self._hang_up()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def watch(self, seconds: float) -> None:
        """Someone looks for the next `seconds`; 0: nobody any more."""
        if not self._allowed:
            if not self._refused:
                self._refused = True
                _log.warning("hub asked for the live view; kiosk.live_view is not true here: refused, now and later")
            return
        with self._turn:
            self._until_s = self._clock() + seconds
            self._turn.notify()

    def set_on(self, on: bool) -> None:
        """Off: nothing is sent from now on, what was under way neither, and the connection ends."""
        with self._turn:
            self._on = on
            if not on:
                self._hang_up()
            self._turn.notify()

    def offer(self, frame: Frame, readings: Sequence[FaceReading]) -> None:
        """Leave what was just looked at. Never blocks, and keeps nothing while nobody looks."""
        if not self.is_watched:
            return
        with self._turn:
            if self._on and self.is_watched:
                self._slot = (frame, readings)
                self._turn.notify()

    def _hang_up(self) -> None:
        self._slot = None
        if self._line:
            # From another thread: `close` would not wake one that is in the middle of sending.
            with contextlib.suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)
            self._line = None

    @property
    def _wanted(self) -> bool:
        return self._on and self.is_watched and not self._stopped

    @property
    def _due(self) -> bool:
        return self._wanted and self._slot is not None

    def _run(self) -> None:
        while not self._stopped:
            with self._turn:
                if not self._turn.wait_for(lambda: self._stopped or self._due, 60.0) or self._stopped:
                    continue
            trouble = ""
            try:
                self._send()
            except OSError as error:
                trouble = str(error)
            # The edge of a thread: it goes on. Left out is the text, for nobody knows what a foreign one quotes.
            except Exception as error:  # noqa: BLE001
                trouble = type(error).__name__
            with self._turn:
                self._line = self._slot = None
                if trouble and self._wanted:
                    if trouble != self._told:
                        _log.warning("live view: hub takes no picture (%s); it is tried again", trouble)
                    self._told = trouble
                    self._turn.wait_for(lambda: self._stopped, _RETRY_S)

    def _send(self) -> None:
        """One connection, until nobody looks or the eye is closed. Raises OSError."""
        sent, spent_s, known = 0, 0.0, bool(self._told)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(_PATIENCE_S)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            line.connect(str(self._path))
            with self._turn:
                self._line = line if self._wanted else None
            try:
                while offered := self._next():
                    begun_s = time.thread_time()
                    line.sendall(picture(*offered))
                    spent_s += time.thread_time() - begun_s
                    sent += 1
                    if sent == 1 and not known:
                        _log.info("live view: someone looks, and is sent pictures")
                    if sent == _SETTLED:
                        self._told = ""
            finally:
                if sent and (sent >= _SETTLED or not known):
                    _log.info("live view: ended; %d pictures, %.1f ms of CPU each", sent, 1000 * spent_s / sent)

    def _next(self) -> Offered | None:
        """Take the newest out, as soon as there is one; None when there is no more to be sent, or none has come."""
        with self._turn:
            left_s = min(self._until_s - self._clock(), _SILENT_S)
            self._turn.wait_for(lambda: self._slot or not (self._line and self._wanted), left_s)
            offered, self._slot = self._slot, None
            return offered if self._wanted and self._line else None


def picture(frame: Frame, readings: Sequence[FaceReading]) -> bytes:
    """A frame and what was read in it, packed as device/ipc/live_view.py says; boxes are in px of the JPEG."""
    pixels = frame.pixels
    scale = min(1.0, MAX_SIDE_PX / max(pixels.shape[:2]))
    if scale < 1:
        size = max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    height, width = pixels.shape[:2]
    faces = tuple(_seen(r, r.face.crop, scale) for r in readings if r.face.crop is not None)
    return packed(Header(width, height, frame.time_s, faces), _jpeg(pixels))


def _seen(reading: FaceReading, crop: npt.NDArray[np.uint8], scale: float) -> SeenFace:
    shares = {e: round(float(p), 4) for e, p in zip(EMOTIONS, reading.probabilities, strict=True)}
    emotion = top(reading.probabilities)
    return SeenFace(
        _scaled(reading.face, scale),
        reading.face.track,
        emotion,
        shares[emotion],
        shares,
        round(reading.quality, 3),
        crop.tobytes(),
    )


def _scaled(face: Face, scale: float) -> tuple[float, float, float, float]:
    x, y, width, height = (round(float(side) * scale, 1) for side in face.box)
    return x, y, width, height


def _jpeg(pixels: npt.NDArray[np.uint8]) -> bytes:
    """(h, w, 3) uint8 RGB -> JPEG."""
    turned = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    # In memory, always: what Mien sees is never a file.
    made: bytes = cv2.imencode(".jpg", turned, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return made

"""The live view in `sense`: a separate thread sends pictures to `hub` while somebody watches.

The face reader only offers its frames, by reference; a newer one replaces an older one. While nobody watches, nothing
is stored, copied or encoded. A slow hub misses pictures and delays nothing here. Nothing is written to disk.
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
from device.ipc.live_view import Header, LiveFace, encode_picture
from device.readings import FaceReading, Frame
from device.system.peer import check_peer

_log = logging.getLogger(__name__)

LIVE_FPS = 12.0
"""Frames read per second while somebody watches, if the camera can: above the ten that look like motion."""
LIVE_CAMERA_FPS = 15.0
"""The camera's minimum rate if the view is allowed. At exactly ten, one stall would lose a picture."""
MAX_SIDE_PX = 960
"""A larger picture is shrunk: no page shows more, and at this size even pure noise stays below the JPEG's limit."""
_JPEG_QUALITY = 75
_RETRY_S = 0.5
_SEND_TIMEOUT_S = 2.0
"""A hub that has read nothing for this long is disconnected."""
_CAMERA_TIMEOUT_S = 1.5
"""Without a frame for this long the connection ends, so that the page shows no old picture."""
_STABLE_PICTURES = 20
"""After this many pictures an earlier failure counts as over: the next one is logged again."""
_SEND_BUFFER = 32_768
"""Bytes; the kernel doubles it. About one picture, so that few outdated ones queue up for a slow hub."""

Offer = tuple[Frame, Sequence[FaceReading]]


class LiveView:
    """Sends the offered frames to the socket at `path` while somebody watches and the camera is on.

    Unless sense's own settings allow it (`allowed`), it does nothing, whatever `hub` sends.
    """

    def __init__(self, path: Path, *, allowed: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._path, self._allowed, self._clock = path, allowed, clock
        self._condition = threading.Condition()
        self._until_s = float("-inf")
        self._on = self._stopped = self._refused = False
        self._slot: Offer | None = None
        self._connection: socket.socket | None = None
        self._logged_error = ""
        self._thread = threading.Thread(target=self._run, name="live", daemon=True)

    @property
    def is_watched(self) -> bool:
        """Whether somebody is watching."""
        return self._clock() < self._until_s

    def start(self) -> None:
        """Start the thread, if the view is allowed."""
        if self._allowed:
            self._thread.start()

    def stop(self) -> None:
        """Disconnect and end the thread."""
        with self._condition:
            self._stopped = True
            self._disconnect()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def watch(self, seconds: float) -> None:
        """Send pictures for the next `seconds`; 0: stop at once."""
        if self._allowed:
            with self._condition:
                self._until_s = self._clock() + seconds
                self._condition.notify()
        elif not self._refused:
            self._refused = True
            _log.warning("hub asked for the live view, but kiosk.live_view is not true here: refused, now and later")

    def set_on(self, on: bool) -> None:
        """Off: end the connection, even in the middle of a picture."""
        with self._condition:
            self._on = on
            if not on:
                self._disconnect()
            self._condition.notify()

    def offer(self, frame: Frame, readings: Sequence[FaceReading]) -> None:
        """Offer a frame and its readings. Never blocks, and stores nothing while nobody watches."""
        if not self.is_watched:
            return
        with self._condition:
            if self._on and self.is_watched:
                self._slot = (frame, readings)
                self._condition.notify()

    def _disconnect(self) -> None:
        self._slot = None
        if self._connection:
            # Not `close`, which would not wake a thread that is sending.
            with contextlib.suppress(OSError):
                self._connection.shutdown(socket.SHUT_RDWR)
            self._connection = None

    @property
    def _should_send(self) -> bool:
        return self._on and self.is_watched and not self._stopped

    def _run(self) -> None:
        while not self._stopped:
            with self._condition:
                self._condition.wait_for(lambda: self._stopped or (self._should_send and self._slot), 60.0)
                if not (self._should_send and self._slot):
                    continue
            problem = ""
            try:
                self._send()
            except OSError as error:
                problem = str(error)
            # The thread must survive. The text of a foreign exception is left out, since it may quote anything.
            except Exception as error:  # noqa: BLE001
                problem = type(error).__name__
            with self._condition:
                self._connection = self._slot = None
                if problem and self._should_send:
                    if problem != self._logged_error:
                        _log.warning("live view: hub accepts no picture (%s); retrying", problem)
                    self._logged_error = problem
                    self._condition.wait_for(lambda: self._stopped, _RETRY_S)

    def _send(self) -> None:
        """Serve one connection until nobody watches or the camera is off. Raises OSError."""
        sent, cpu_s, is_retry = 0, 0.0, bool(self._logged_error)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(_SEND_TIMEOUT_S)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            connection.connect(str(self._path))
            check_peer(connection)
            with self._condition:
                self._connection = connection if self._should_send else None
            try:
                while offer := self._take_next():
                    start_s = time.thread_time()
                    connection.sendall(encode_frame(*offer))
                    cpu_s += time.thread_time() - start_s
                    sent += 1
                    if sent == 1 and not is_retry:
                        _log.info("live view: somebody watches; sending pictures")
                    if sent == _STABLE_PICTURES:
                        self._logged_error = ""
            finally:
                if sent and (sent >= _STABLE_PICTURES or not is_retry):
                    _log.info("live view: ended; %d pictures, %.1f ms of CPU each", sent, 1000 * cpu_s / sent)

    def _take_next(self) -> Offer | None:
        """Wait for the newest frame and take it out; None if sending should stop, or the camera is silent."""
        with self._condition:
            left_s = min(self._until_s - self._clock(), _CAMERA_TIMEOUT_S)
            self._condition.wait_for(lambda: self._slot or not (self._connection and self._should_send), left_s)
            offer, self._slot = self._slot, None
            return offer if self._should_send and self._connection else None


def encode_frame(frame: Frame, readings: Sequence[FaceReading]) -> bytes:
    """A frame and its readings in the form of device/ipc/live_view.py; boxes are in px of the JPEG."""
    pixels = frame.pixels
    scale = min(1.0, MAX_SIDE_PX / max(pixels.shape[:2]))
    if scale < 1:
        size = max(round(pixels.shape[1] * scale), 1), max(round(pixels.shape[0] * scale), 1)
        pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    height, width = pixels.shape[:2]
    faces = tuple(_live_face(r, r.face.crop, scale) for r in readings if r.face.crop is not None)
    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    # Always in memory: no frame is ever written to a file.
    jpeg = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])[1].tobytes()
    return encode_picture(Header(width, height, frame.time_s, faces), jpeg)


def _live_face(reading: FaceReading, crop: npt.NDArray[np.uint8], scale: float) -> LiveFace:
    shares = {e: round(float(p), 4) for e, p in zip(EMOTIONS, reading.probabilities, strict=True)}
    emotion = top(reading.probabilities)
    x, y, width, height = (round(float(side) * scale, 1) for side in reading.face.box)
    return LiveFace(
        (x, y, width, height),
        reading.face.track,
        emotion,
        shares[emotion],
        shares,
        round(reading.quality, 3),
        crop.tobytes(),
    )

"""Cameras that OpenCV reads: USB (V4L2), network streams (FFmpeg) and GStreamer pipelines."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from device.errors import DeviceError
from device.readings import Frame
from device.sense.camera_proxy import redact_url
from device.settings.schema import Camera as CameraSettings

# Process-wide, and read when a device is opened; the user's own values stay. The first ends a read from a dead USB
# camera after one second instead of ten. The second keeps RTSP off UDP, which loses packets.
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "1")
os.environ.setdefault("OPENCV_FFMPEG_CAPTURE_OPTIONS", "rtsp_transport;tcp")


class OpenCVCamera:
    """A cv2.VideoCapture. A frame's time is read right after `grab`, before decoding."""

    still_is_frozen = True

    def __init__(
        self,
        capture: cv2.VideoCapture,
        name: str,
        clock: Callable[[], float],
        failure_limit_s: float = 0.0,
        node: Path | None = None,
    ) -> None:
        """`failure_limit_s`: how long grabs may fail before the camera counts as gone. `node`: its file in /dev."""
        self.name = name
        self._capture = capture
        self._clock = clock
        self._failure_limit_s = failure_limit_s
        self._node = node
        self._newest_s = clock()

    def read(self) -> Frame | None:
        """The next frame. Blocks as long as the driver does: about 1 s for V4L2, `timeout_s` for streams."""
        grabbed = self._capture.grab()
        now_s = self._clock()
        bgr = self._capture.retrieve()[1] if grabbed else None
        if bgr is None:
            if self._node is not None and not self._node.exists():
                raise DeviceError(f"{self.name}: unplugged; plug it in again")
            if now_s - self._newest_s >= self._failure_limit_s:
                raise DeviceError(f"{self.name}: delivers no more frames; opening it again")
            time.sleep(0.05)  # grabs that fail at once must not spin
            return None
        self._newest_s = now_s
        return Frame(np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8), now_s)

    def close(self) -> None:
        """Release the device."""
        self._capture.release()


def open_v4l2(path: Path, settings: CameraSettings, clock: Callable[[], float]) -> OpenCVCamera:
    """A USB camera, set to MJPEG: uncompressed, USB 2 carries only a few frames a second. Raises DeviceError."""
    if not path.exists():
        raise DeviceError(f"{path}: there is no such camera; plug it in, or set camera.source")
    if not os.access(path, os.R_OK | os.W_OK):
        raise DeviceError(f"{path}: this user may not open it; add it to the group video (sudo usermod -aG video USER)")
    # The stable name is a link, which OpenCV does not follow.
    capture = cv2.VideoCapture(os.path.realpath(path), cv2.CAP_V4L2)
    if not capture.isOpened():
        raise DeviceError(f"{path}: it does not open; another program may be using it (sudo fuser -v {path})")
    capture.set(cv2.CAP_PROP_FOURCC, cv2.VideoWriter.fourcc(*"MJPG"))
    capture.set(cv2.CAP_PROP_FRAME_WIDTH, settings.width_px)
    capture.set(cv2.CAP_PROP_FRAME_HEIGHT, settings.height_px)
    capture.set(cv2.CAP_PROP_FPS, settings.fps)
    return OpenCVCamera(capture, str(path), clock, settings.timeout_s, path)


def open_stream(url: str, settings: CameraSettings, clock: Callable[[], float], name: str = "") -> OpenCVCamera:
    """A network camera, read by FFmpeg: rtsp (over TCP), rtmp or http (MJPEG). Raises DeviceError."""
    name = name or redact_url(url)
    # FFmpeg accepts only lower-case schemes.
    scheme, colon, rest = url.strip().partition(":")
    limit_ms = int(settings.timeout_s * 1000)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
    capture = cv2.VideoCapture(scheme.lower() + colon + rest, cv2.CAP_FFMPEG, limits)
    if not capture.isOpened():
        raise DeviceError(
            f"{name}: no stream within {settings.timeout_s:g} s; "
            "check the address, the password and that the camera is on"
        )
    return OpenCVCamera(capture, name, clock)


def open_gstreamer(pipeline: str, settings: CameraSettings, clock: Callable[[], float]) -> OpenCVCamera:
    """A GStreamer pipeline that ends in an appsink, such as a Jetson's nvarguscamerasrc. Raises DeviceError."""
    if not re.search(r"GStreamer:\s+YES", cv2.getBuildInformation()):
        raise DeviceError(
            "camera.source = gstreamer:... needs an OpenCV built with GStreamer. pip's, which Mien installs, has "
            "none. In a virtual environment made with --system-site-packages: pip uninstall "
            "opencv-python-headless, so that the system's python3-opencv is used. It must be built for this Python and "
            "NumPy 2: Debian 13's is, JetPack 6's is not, and there you have to build one (README, \"By hand\")"
        )
    limit_ms = int(settings.timeout_s * 1000)
    limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, limit_ms, cv2.CAP_PROP_READ_TIMEOUT_MSEC, limit_ms]
    capture = cv2.VideoCapture(pipeline, cv2.CAP_GSTREAMER, limits)
    if not capture.isOpened():
        raise DeviceError(
            "the GStreamer pipeline does not start; try it with gst-launch-1.0, and end it with: "
            "videoconvert ! video/x-raw,format=BGR ! appsink drop=true max-buffers=1"
        )
    return OpenCVCamera(capture, "gstreamer", clock)

"""Cameras: what all of them do, and the choice of one by the settings' word."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from device.errors import DeviceError
from device.readings import Frame
from device.sense.camera.opencv import OpenCVCamera, gstreamer, stream, v4l2
from device.sense.camera.picamera2 import Picamera2Camera, picamera2_sees_one
from device.sense.camera_proxy import is_address
from device.settings.schema import Camera as CameraSettings

__all__ = [
    "Camera",
    "OpenCVCamera",
    "Picamera2Camera",
    "open_camera",
]

_DEV = Path("/dev")


class Camera(Protocol):
    """Anything that gives frames. One thread owns it: it opens, reads and closes."""

    name: str
    """For a person; of an address only scheme, host and port, for the rest may hold a password."""
    still_is_frozen: bool
    """Whether the same picture again and again is a fault: a sensor has noise, a picture file has none."""

    def read(self) -> Frame | None:
        """The next frame; None when none came within about a second.

        Raises DeviceError when the device is gone or its stream has ended, EndOfMedia when a file has.
        """

    def close(self) -> None:
        """Let go of the device. It may take as long as its driver takes: the capture thread sets the limit."""


def open_camera(
    settings: CameraSettings,
    clock: Callable[[], float] = time.monotonic,
    start_s: float | None = None,
    known_as: str = "",
) -> Camera:
    """Open what `settings.source` names: auto, picamera2, a device or part of its stable name, an address, ...

    `start_s` is for files: when, on `clock`, their first moment is due; the moment of opening when None. `known_as` is
    for addresses: what people call it, where `settings.source` is the way through the window. Raises DeviceError, which
    says what was looked for and what to do.
    """
    source = settings.source
    if source == "auto":
        return _first(settings, clock)
    if source == "picamera2":
        return Picamera2Camera(settings, clock)
    if source.startswith("file:"):
        # FFmpeg takes 16 MB, and only who plays a file needs it.
        from device.sense.camera.file import open_file

        return open_file(Path(source.removeprefix("file:")).expanduser(), settings.fps, clock, start_s)
    if source.startswith("gstreamer:"):
        return gstreamer(source.removeprefix("gstreamer:"), settings, clock)
    if is_address(source):
        return stream(source, settings, clock, known_as)
    return v4l2(_device(source), settings, clock)


def _device(source: str) -> Path:
    """A path in /dev as it is, or the first camera whose stable name holds `source`. Raises DeviceError."""
    if re.match(r"/(?!/)", source) and "://" not in source:
        return Path(source)
    if re.search(r"[/\\@?]", source):
        # What may be meant as an address is not repeated: it may hold a password.
        raise DeviceError(
            "camera.source: neither a camera's name nor an address that is known; an address begins with rtsp://, "
            "rtsps://, rtmp://, http:// or https://, a device with /dev/"
        )
    named = [path for path in _stable() if source.lower() in path.name.lower()]
    if not named:
        there = ", ".join(path.name for path in _stable()) or "none"
        raise DeviceError(f"no camera is called {source!r}; there are: {there}. Set camera.source, or plug it in")
    return named[0]


def _first(settings: CameraSettings, clock: Callable[[], float]) -> Camera:
    """The Raspberry Pi's own camera, else the first USB camera that opens."""
    faults = []
    if picamera2_sees_one():
        try:
            return Picamera2Camera(settings, clock)
        except DeviceError as error:
            faults.append(str(error))
    # A Raspberry Pi has a dozen /dev/video* that are no cameras: they are the last resort, and each is tried.
    for path in [*_stable(), *sorted(_DEV.glob("video*"), key=_number)]:
        try:
            return v4l2(path, settings, clock)
        except DeviceError as error:
            faults.append(str(error))
    tried = f": {'; '.join(faults)}" if faults else ""
    raise DeviceError(
        f"no camera found (looked for picamera2, {_DEV}/v4l/by-id/* and {_DEV}/video*){tried}. "
        "Plug one in, add this user to the group video, or set camera.source"
    )


def _stable() -> list[Path]:
    """USB cameras by the names that do not change; a camera's second node (index1) holds no pictures."""
    return [path for path in sorted((_DEV / "v4l/by-id").glob("*")) if not re.search(r"-index[1-9]\d*$", path.name)]


def _number(path: Path) -> int:
    return int(re.sub(r"\D", "", path.name) or 0)

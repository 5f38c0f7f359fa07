"""The Camera protocol, and `open_camera`, which opens the one named in the settings."""

import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from device.errors import DeviceError
from device.readings import Frame
from device.sense.camera.opencv import OpenCVCamera, open_gstreamer, open_stream, open_v4l2
from device.sense.camera.picamera2 import Picamera2Camera, has_camera
from device.sense.camera_proxy import is_address
from device.settings.schema import Camera as CameraSettings

__all__ = ["Camera", "OpenCVCamera", "Picamera2Camera", "open_camera"]


class Camera(Protocol):
    """A source of frames. One thread owns it and does all opening, reading and closing."""

    name: str
    """For a person. An address is cut down to scheme, host and port: the rest may contain a password."""
    still_is_frozen: bool
    """Whether an unchanging picture is a fault. A sensor has noise; a picture file has none."""

    def read(self) -> Frame | None:
        """The next frame; None if none came within about a second.

        Raises DeviceError if the device is gone or its stream has ended, and EndOfMedia at the end of a file.
        """

    def close(self) -> None:
        """Close the device. May block as long as the driver does; the device thread sets the limit."""


def open_camera(
    settings: CameraSettings,
    clock: Callable[[], float] = time.monotonic,
    start_s: float | None = None,
    name: str = "",
    dev: Path = Path("/dev"),
) -> Camera:
    """Open the source from the settings: auto, picamera2, a device or part of its stable name, an address, ...

    A file starts to play at `start_s` on `clock`; None: now. `name` is what people call a network camera whose
    `settings.source` is the address of the camera proxy. Raises DeviceError, which says where it looked and what to do.
    """
    source = settings.source
    if source == "auto":
        return _open_first(settings, clock, dev)
    if source == "picamera2":
        return Picamera2Camera(settings, clock)
    if source.startswith("file:"):
        # FFmpeg takes 16 MB, and only a file needs it.
        from device.sense.camera.file import open_file

        return open_file(Path(source.removeprefix("file:")).expanduser(), settings.fps, clock, start_s)
    if source.startswith("gstreamer:"):
        return open_gstreamer(source.removeprefix("gstreamer:"), settings, clock)
    if is_address(source):
        return open_stream(source, settings, clock, name)
    return open_v4l2(_find_device(source, dev), settings, clock)


def _find_device(source: str, dev: Path) -> Path:
    """`source` itself if it is a path in /dev, else the first camera with it in its stable name. Raises DeviceError."""
    if re.match(r"/(?!/)", source) and "://" not in source:
        return Path(source)
    if re.search(r"[/\\@?]", source):
        # Does not quote the source: it may be a mistyped address that contains a password.
        raise DeviceError(
            "camera.source: neither a camera's name nor a valid address; an address begins with rtsp://, rtsps://, "
            "rtmp://, http:// or https://, a device with /dev/"
        )
    matches = [path for path in _list_stable(dev) if source.lower() in path.name.lower()]
    if not matches:
        names = ", ".join(path.name for path in _list_stable(dev)) or "none"
        raise DeviceError(f"no camera is called {source!r}; there are: {names}. Set camera.source, or plug it in")
    return matches[0]


def _open_first(settings: CameraSettings, clock: Callable[[], float], dev: Path) -> Camera:
    """The Raspberry Pi's own camera, else the first USB camera that opens."""
    faults = []
    if has_camera():
        try:
            return Picamera2Camera(settings, clock)
        except DeviceError as error:
            faults.append(str(error))
    # A Raspberry Pi has a dozen /dev/video* that are not cameras, so these come last, and each is tried.
    nodes = sorted(dev.glob("video*"), key=lambda path: int(re.sub(r"\D", "", path.name) or 0))
    for path in [*_list_stable(dev), *nodes]:
        try:
            return open_v4l2(path, settings, clock)
        except DeviceError as error:
            faults.append(str(error))
    reasons = f": {'; '.join(faults)}" if faults else ""
    raise DeviceError(
        f"no camera found (looked for picamera2, {dev}/v4l/by-id/* and {dev}/video*){reasons}. "
        "Plug one in, add this user to the group video, or set camera.source"
    )


def _list_stable(dev: Path) -> list[Path]:
    """USB cameras by their stable names, without a camera's second node (index1), which has no pictures."""
    return [path for path in sorted((dev / "v4l/by-id").glob("*")) if not re.search(r"-index[1-9]\d*$", path.name)]

"""The Raspberry Pi's own camera, through picamera2. Imported on use: only Raspberry Pi OS has it."""

import importlib
import logging
import time
from collections.abc import Callable
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

import numpy as np

from device.errors import DeviceError
from device.readings import Frame
from device.settings.schema import Camera as CameraSettings

_log = logging.getLogger(__name__)
_WAIT_S = 0.4
_MIN_SMALL_PX = 160
"""The second stream is a quarter of the first, but at least this wide: enough to detect movement."""


class Picamera2Camera:
    """One CSI camera. A frame's time is the sensor's own time stamp, if libcamera has one."""

    still_is_frozen = True
    name = "picamera2"

    def __init__(self, settings: CameraSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Open and start it. Raises DeviceError if picamera2 is not installed or finds no camera."""
        try:
            module = importlib.import_module("picamera2")
        except ImportError as error:
            raise DeviceError(
                "picamera2 is not installed here; on Raspberry Pi OS: sudo apt install python3-picamera2, "
                "and make the virtual environment with --system-site-packages"
            ) from error
        except (ValueError, OSError) as error:
            # Debian 12's simplejpeg is built for numpy 1 and fails like this with numpy 2; libcamera may be missing.
            raise DeviceError(
                f"picamera2 cannot be imported ({error}); if this mentions numpy: pip install 'simplejpeg>=1.8' "
                "into Mien's virtual environment"
            ) from error
        if not module.Picamera2.global_camera_info():
            raise DeviceError("picamera2 finds no camera; check the ribbon cable, then: rpicam-hello --list-cameras")
        self._clock = clock
        self._job: Any = None
        # picamera2 raises RuntimeError; errors of libcamera arrive as the others.
        try:
            self._camera = module.Picamera2()
        except (RuntimeError, OSError, IndexError) as error:
            raise DeviceError(f"picamera2: the camera does not open ({error}); another program may use it") from error
        try:
            self._small_size = self._configure(settings)
            self._camera.start()
        except (RuntimeError, OSError, ValueError) as error:
            self._camera.close()
            raise DeviceError(f"picamera2: the camera does not start ({error}); restart the device") from error

    def _configure(self, settings: CameraSettings) -> tuple[int, int] | None:
        """Set up the streams. Returns the second one's width and height; None without one, as with USB cameras."""
        width, height = settings.width_px, settings.height_px
        divisor = min(max(width // _MIN_SMALL_PX, 1), 4)
        small = width // divisor // 2 * 2, height // divisor // 2 * 2  # YUV420 has one colour for 2x2 pixels
        options = {
            # The hardware scales to this size. BGR888 lies in memory as red, green, blue.
            "main": {"size": (width, height), "format": "BGR888"},
            "controls": {"FrameRate": settings.fps},
            "buffer_count": 4,
        }
        second = {"lores": {"size": small, "format": "YUV420"}}  # the only format that every Pi offers for it
        try:
            self._camera.configure(self._camera.create_video_configuration(**options, **second))
        except (RuntimeError, ValueError) as error:
            _log.info("the camera offers no second, small stream (%s); Mien shrinks its pictures itself", error)
            self._camera.configure(self._camera.create_video_configuration(**options))
            return None
        return small

    def read(self) -> Frame | None:
        """The next frame; None after 0.4 s without one. The request then stays open for the next call."""
        if self._job is None:
            self._job = self._camera.capture_request(wait=False)
        try:
            request = self._job.get_result(timeout=_WAIT_S)
        except (TimeoutError, FutureTimeoutError):
            return None
        except (RuntimeError, OSError) as error:
            self._job = None
            raise DeviceError(f"picamera2: the camera stopped ({error})") from error
        self._job = None
        try:
            pixels = np.asarray(request.make_array("main"), np.uint8)
            small = None
            if self._small_size:
                width, height = self._small_size  # without the colour planes below it and the padding of its lines
                small = np.asarray(request.make_array("lores")[:height, :width], np.uint8)
            stamp_ns = request.get_metadata().get("SensorTimestamp")
        finally:
            request.release()
        return Frame(pixels, self._convert_time(stamp_ns), small)

    def close(self) -> None:
        """Stop the camera and close it."""
        self._camera.stop()
        self._camera.close()

    def _convert_time(self, stamp_ns: int | None) -> float:
        """The sensor's time stamp on our clock. Converts its age, since kernels stamp with different clocks."""
        now_s = self._clock()
        for clock in (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC):
            age_s = time.clock_gettime(clock) - (stamp_ns or 0) / 1e9
            if 0 <= age_s < 5 and stamp_ns:  # if it seems older, it is from the other clock
                return now_s - age_s
        return now_s


def has_camera() -> bool:
    """Whether picamera2 can be imported and lists a camera."""
    try:
        return bool(importlib.import_module("picamera2").Picamera2.global_camera_info())
    except (ImportError, RuntimeError, OSError):
        # Without libcamera's own library, the import ends in an OSError.
        return False
    except ValueError:
        return True  # installed but broken; opening the camera says how to fix it

"""The Raspberry Pi's own camera, by picamera2. It comes with Raspberry Pi OS only: imported when it is asked for."""

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
_BUFFERS = 4
_SMALL_PX = 160
"""The second stream is a quarter of the first, but at least so wide: enough to notice that something moves."""
_OLDEST_S = 5.0
"""A time stamp further back than this belongs to another clock."""


class Picamera2Camera:
    """One CSI camera. A frame's time is the sensor's own stamp where libcamera gives one."""

    still_is_frozen = True
    name = "picamera2"

    def __init__(self, settings: CameraSettings, clock: Callable[[], float] = time.monotonic) -> None:
        """Open and start it. Raises DeviceError when picamera2 is not installed or sees no camera."""
        try:
            module = importlib.import_module("picamera2")
        except ImportError as error:
            raise DeviceError(
                "picamera2 is not installed here; on Raspberry Pi OS: sudo apt install python3-picamera2, "
                "and make the virtual environment with --system-site-packages"
            ) from error
        except (ValueError, OSError) as error:
            # Debian 12's simplejpeg was built for numpy 1 and ends so beside numpy 2; libcamera may be missing too.
            raise DeviceError(
                f"picamera2 cannot be imported ({error}); where that speaks of numpy: pip install 'simplejpeg>=1.8' "
                "into Mien's virtual environment"
            ) from error
        if not module.Picamera2.global_camera_info():
            raise DeviceError("picamera2 sees no camera; check the ribbon cable, then: rpicam-hello --list-cameras")
        self._clock = clock
        self._job: Any = None
        # picamera2 raises RuntimeError, and libcamera's errors come through as others: all mean the same here.
        try:
            self._camera = module.Picamera2()
        except (RuntimeError, OSError, IndexError) as error:
            raise DeviceError(f"picamera2: the camera does not open ({error}); another program may use it") from error
        try:
            self._small = self._configured(settings)
            self._camera.start()
        except (RuntimeError, OSError, ValueError) as error:
            self._camera.close()
            raise DeviceError(f"picamera2: the camera does not start ({error}); restart the device") from error

    def _configured(self, settings: CameraSettings) -> tuple[int, int] | None:
        """Width and height of the second stream; None where the camera has none, as those on USB."""
        width, height = settings.width_px, settings.height_px
        times = min(max(width // _SMALL_PX, 1), 4)
        small = width // times // 2 * 2, height // times // 2 * 2  # YUV420 has a colour for each 2 by 2
        asked = {
            # The sensor's own scaler makes these sizes. BGR888 lies in memory as red, green, blue.
            "main": {"size": (width, height), "format": "BGR888"},
            "controls": {"FrameRate": settings.fps},
            "buffer_count": _BUFFERS,
        }
        second = {"lores": {"size": small, "format": "YUV420"}}  # the one format that every Pi's second stream has
        try:
            self._camera.configure(self._camera.create_video_configuration(**asked, **second))
        except (RuntimeError, ValueError) as error:
            _log.info("the camera makes no second, small stream (%s); Mien shrinks its pictures itself", error)
            self._camera.configure(self._camera.create_video_configuration(**asked))
            return None
        return small

    def read(self) -> Frame | None:
        """The next frame; None after 0.4 s without one: the request stays open for the next call."""
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
            if self._small is not None:
                width, height = self._small  # without the colours below it and the padding of its lines
                small = np.asarray(request.make_array("lores")[:height, :width], np.uint8)
            stamp_ns = request.get_metadata().get("SensorTimestamp")
        finally:
            request.release()
        return Frame(pixels, self._taken_s(stamp_ns), small)

    def close(self) -> None:
        """Stop the camera and let go of it."""
        self._camera.stop()
        self._camera.close()

    def _taken_s(self, stamp_ns: int | None) -> float:
        """The sensor's stamp on our clock: by its age, since kernels differ in which clock they stamp with."""
        now_s = self._clock()
        for clock in (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC):
            age_s = time.clock_gettime(clock) - (stamp_ns or 0) / 1e9
            if 0 <= age_s < _OLDEST_S and stamp_ns:
                return now_s - age_s
        return now_s


def picamera2_sees_one() -> bool:
    """Whether picamera2 can be imported and lists a camera."""
    try:
        return bool(importlib.import_module("picamera2").Picamera2.global_camera_info())
    except (ImportError, RuntimeError, OSError):
        # Without libcamera's own library the import ends in an OSError: then there is no such camera.
        return False
    except ValueError:
        return True  # it is installed and broken: opening it says how to mend that

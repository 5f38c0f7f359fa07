"""What several tests of sense share."""

import time
from collections.abc import Callable

from device.sense.camera import Camera


def drain(camera: Camera) -> None:
    while True:
        camera.read()


def until(holds: Callable[[], object], limit_s: float = 4.0) -> float:
    """Seconds until it `holds`; fails after `limit_s`."""
    began_s = time.monotonic()
    while not holds():
        assert time.monotonic() - began_s < limit_s, "it did not come"
        time.sleep(0.01)
    return time.monotonic() - began_s

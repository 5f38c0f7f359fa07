"""Waiting helpers for the tests of sense."""

import time
from collections.abc import Callable

from device.sense.camera import Camera


def drain(camera: Camera) -> None:
    while True:
        camera.read()


def until(condition: Callable[[], object], limit_s: float = 4.0) -> float:
    """Wait for `condition`. Returns the seconds it took; fails after `limit_s`."""
    began_s = time.monotonic()
    while not condition():
        assert time.monotonic() - began_s < limit_s, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - began_s

"""Fake devices with scripted reads, and helpers for the threads that read them."""

import threading
import time
from collections.abc import Callable

import numpy as np

from device.emotions import Floats
from device.ipc.messages import Stage
from device.readings import Frame
from device.sense.camera import Camera
from device.sense.camera.thread import CameraThread, Latest
from device.sense.device_thread import DeviceThread
from device.sense.microphone import Microphone

noise = np.random.default_rng(3)


def new_frame(time_s: float = 0.0) -> Frame:
    return Frame(noise.integers(0, 255, (48, 64, 3), np.uint8), time_s)


class Scripted:
    """A camera or microphone with scripted reads; the last one repeats."""

    name = "scripted"

    def __init__(self, *reads: object, still_is_frozen: bool = True, step_s: float = 0.01) -> None:
        self.reads, self.still_is_frozen, self.step_s = reads, still_is_frozen, step_s
        self.count = self.overflows = 0
        self.closed = threading.Event()
        self.closing: Callable[[], object] = lambda: None

    def read(self) -> object:
        time.sleep(self.step_s)
        result = self.reads[min(self.count, len(self.reads) - 1)]
        self.count += 1
        if isinstance(result, Exception):
            raise result
        return result() if callable(result) else result

    def close(self) -> None:
        self.closing()
        self.closed.set()


def live_frame() -> Frame:
    return new_frame(time.monotonic())


def loud_block() -> tuple[Floats, float]:
    return np.full(160, 0.1, np.float32), time.monotonic()


def stage_of(thread: DeviceThread[Camera] | DeviceThread[Microphone]) -> Stage:
    return thread.stage(time.monotonic())


Make = Callable[..., tuple[CameraThread, Latest, list[object]]]

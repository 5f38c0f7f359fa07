"""Mien's own face path, on a stream of 15 frames a second."""

from collections.abc import Callable
from typing import Any

from device.perception.load import load_perception
from device.readings import Frame
from device.settings.schema import Settings
from tests.bench.peers.serving import serve

FPS = 15.0


def load() -> Callable[[Any], int]:
    settings = Settings()
    stream = load_perception(settings).open_face_stream(settings)
    count = 0

    def read(pixels: Any) -> int:
        nonlocal count
        count += 1
        return len(stream.read(Frame(pixels, count / FPS)))

    return read


serve(load)

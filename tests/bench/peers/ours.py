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
    sight = load_perception(settings).open_face_stream(settings)
    count = 0

    def look(pixels: Any) -> int:
        nonlocal count
        count += 1
        return len(sight.read(Frame(pixels, count / FPS)))

    return look


serve(load)

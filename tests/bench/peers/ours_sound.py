"""Mien's own voice path, on a window of three seconds each second."""

from collections.abc import Callable
from typing import Any

from device.perception.load import load_perception
from device.readings import SoundWindow
from device.settings.schema import Settings
from tests.bench.peers.serving import RATE_HZ, WINDOW, serve_sound


def load() -> Callable[[Any, int], int]:
    voice = load_perception(Settings()).voice

    def read(samples: Any, begin: int) -> int:
        # As in the pipeline: the overlapping windows of one utterance count as one.
        return voice.read(SoundWindow(samples, (begin + WINDOW) / RATE_HZ, begin), learn=1 / 3) is not None

    return read


serve_sound(load)

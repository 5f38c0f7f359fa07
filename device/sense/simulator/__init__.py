"""A simulated camera and microphone: a drawn face and a synthetic voice that follow a script.

They feed the real pipeline. Only `mien demo` also knows the script, and prints it beside the readings. The readers get
only pictures and sound.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from device.emotions import Emotion, Floats
from device.errors import SettingsError
from device.perception.audio.stft import RATE_HZ
from device.readings import Frame
from device.sense.simulator.face import Pose, draw
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import Prosody, speak

_WIDTH_PX, _HEIGHT_PX = 640, 480
_TRANSITION_S = 0.7
"""How long the face takes to change from one expression to the next."""
_BLOCK = 1600


@dataclass(frozen=True)
class Scene:
    """One part of the script."""

    emotion: Emotion | None
    """None: an empty room."""
    seconds: float
    speaks: bool = True


SCRIPT = (
    Scene(Emotion.NEUTRAL, 8),
    Scene(Emotion.HAPPY, 12),
    Scene(Emotion.SAD, 14),
    Scene(Emotion.ANGRY, 12),
    Scene(Emotion.SURPRISE, 8, speaks=False),
    Scene(None, 8),
)


def scene_start_s(source: str, default_s: float) -> float:
    """When the script of `stand-in` or `stand-in@SECONDS` (CLOCK_MONOTONIC) starts. Raises SettingsError."""
    _, at, text = source.partition("@")
    try:
        return float(text) if at else default_s
    except ValueError as error:
        raise SettingsError(f"source = {source!r}: allowed are stand-in and stand-in@SECONDS") from error


def scene_at(played_s: float, script: tuple[Scene, ...] = SCRIPT) -> tuple[int, float]:
    """(index of the scene, seconds since it began) after `played_s` of the script, which repeats without end."""
    left_s = max(played_s, 0.0) % sum(scene.seconds for scene in script)
    for index, scene in enumerate(script):
        if left_s < scene.seconds:
            return index, left_s
        left_s -= scene.seconds
    return 0, 0.0


class SimulatedCamera:
    """A Camera that shows the drawn face in a dim room."""

    name = "the simulated face"
    still_is_frozen = True

    def __init__(
        self,
        start_s: float,
        fps: float,
        script: tuple[Scene, ...] = SCRIPT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._start_s, self._period_s, self._script, self._clock = start_s, 1 / fps, script, clock
        self._due_s = clock()
        self._count = 0
        rng = np.random.default_rng(0)
        gradient = np.linspace(120, 78, _HEIGHT_PX)[:, None, None] * np.array([0.92, 1.0, 1.08])
        self._room = np.broadcast_to(gradient, (_HEIGHT_PX, _WIDTH_PX, 3)).astype(np.uint8)
        # A real sensor has noise, and a camera without any counts as frozen.
        self._noise = [rng.integers(0, 7, self._room.shape, np.uint8) for _ in range(4)]

    def read(self) -> Frame | None:
        """The next frame, when it is due."""
        self._due_s = max(self._due_s + self._period_s, self._clock() - 1.0)
        time.sleep(max(self._due_s - self._clock(), 0.0))
        self._count += 1
        now = self._clock()
        pixels = self._room.copy()
        played = now - self._start_s
        index, since = scene_at(played, self._script)
        scene, before = self._script[index], self._script[index - 1]
        if scene.emotion is not None:
            pose = POSES[scene.emotion]
            if since < _TRANSITION_S and before.emotion is not None and played >= self._script[0].seconds:
                pose = POSES[before.emotion].interpolate(pose, since / _TRANSITION_S)
            centre = (320 + 9 * np.sin(0.7 * played), 250 + 5 * np.sin(1.1 * played + 1))
            # The eyes close for 0.15 s every few seconds.
            blink = max(0.0, 1 - abs((played % 3.7) - 0.1) / 0.1)
            draw(pixels, centre, 230 + 6 * np.sin(0.4 * played), pose, blink)
        return Frame(pixels + self._noise[self._count % 4], now)

    def close(self) -> None:
        """Nothing to close."""


class SimulatedMicrophone:
    """A Microphone that hears the synthetic voice."""

    name = "the simulated voice"
    still_is_frozen = True
    overflows = 0

    def __init__(
        self, start_s: float, script: tuple[Scene, ...] = SCRIPT, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._start_s, self._script, self._clock = start_s, script, clock
        self._sounds: dict[int, Floats] = {}
        self._read_s = clock() - start_s
        self._rng = np.random.default_rng(0)

    def read(self) -> tuple[Floats, float] | None:
        """The next 0.1 s of sound, delivered once that time has passed."""
        end_s = self._read_s + _BLOCK / RATE_HZ
        time.sleep(max(self._start_s + end_s - self._clock(), 0.0))
        index, since = scene_at(self._read_s, self._script)
        at = int(since * RATE_HZ)
        block = self._sound(index)[at : at + _BLOCK]
        self._read_s = end_s
        hiss = self._rng.normal(0, 2e-4, _BLOCK).astype(np.float32)
        hiss[: len(block)] += block
        return hiss, self._start_s + end_s

    def close(self) -> None:
        """Nothing to close."""

    def _sound(self, index: int) -> Floats:
        scene = self._script[index]
        if scene.emotion is None or not scene.speaks:
            return np.zeros(0, np.float32)
        if index not in self._sounds:
            self._sounds[index] = speak(PROSODIES[scene.emotion], scene.seconds, index)
        return self._sounds[index]


__all__ = ["SCRIPT", "Pose", "Prosody", "Scene", "SimulatedCamera", "SimulatedMicrophone", "scene_at", "scene_start_s"]

"""A drawn scene for measurements: people who move a little and sometimes change expression, with a sensor's noise.

A constant picture would only measure caches, and a completely new picture would defeat every one of them. A camera's
stream lies between the two, and so does this one.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import EMOTIONS
from device.readings import Frame
from device.sense.simulator.face import Pixels, draw
from device.sense.simulator.poses import POSES

FPS = 15
HEAD = 0.29
"""From crown to chin, as a share of the picture's height: a face of about 100 px in 640x480, two metres away."""
EXPRESSION_S = 4.0
"""Time between two expressions of a face."""
_TRANSITION_S = 0.7
_NOISE_DEVIATION = 2.5
"""In steps of 255: a webcam by lamplight."""
_NOISE_PICTURES = 7
"""Used in turn. Not a divisor of the frames per second, so that no pair repeats often."""


class SensorNoise:
    """Noise pictures that are added to one frame after another."""

    def __init__(self, width_px: int, height_px: int, rng: np.random.Generator) -> None:
        noise = (rng.normal(0, _NOISE_DEVIATION, (height_px, width_px, 3)) for _ in range(_NOISE_PICTURES))
        self._pictures = [np.rint(picture).astype(np.int8) for picture in noise]
        self._count = 0

    def add_to(self, pixels: Pixels) -> Pixels:
        """A copy of `pixels`, (h, w, 3) uint8, with the noise of the next frame."""
        self._count += 1
        noisy = cv2.add(pixels, self._pictures[self._count % _NOISE_PICTURES], dtype=cv2.CV_8U)
        return noisy.astype(np.uint8, copy=False)


class Room:
    """The frames of a scene, a few at a time: drawn outside the timed parts, with little memory."""

    def __init__(self, people: int, width_px: int = 640, height_px: int = 480, seed: int = 0) -> None:
        """Raises ValueError for more than 8 people."""
        if not 0 <= people <= 8:
            raise ValueError(f"{people} people: 0 to 8 are allowed")
        self._people, self._size, self._count = people, (width_px, height_px), 0
        rng = np.random.default_rng(seed)
        self._background = _draw_background(width_px, height_px, rng)
        self._noise = SensorNoise(width_px, height_px, rng)

    def frames(self, count: int) -> list[Frame]:
        """The next frames; their `time_s` continues from call to call."""
        frames = []
        for _ in range(count):
            now_s = self._count / FPS
            pixels = self._background.copy()
            for person in range(self._people):
                self._draw(pixels, person, now_s)
            frames.append(Frame(self._noise.add_to(pixels), now_s))
            self._count += 1
        return frames

    def stream(self, seconds: float) -> Iterator[list[Frame]]:
        """One second of frames to warm up, then `seconds`, one second at a time. Each batch is drawn on demand."""
        left = max(round(seconds * FPS), 3)
        yield self.frames(min(FPS, left))
        while left > 0:
            yield self.frames(min(FPS, left))
            left -= FPS

    def _draw(self, pixels: Pixels, person: int, now_s: float) -> None:
        width, height = self._size
        x, y = _position(person, self._people)
        # Each person sways differently: 9 and 5 px in 640x480, within six to nine seconds.
        own_s = now_s + 1.9 * person
        sway = (9 * np.sin(0.7 * own_s), 5 * np.sin(1.1 * own_s + 1))
        centre = (x * width + sway[0] * height / 480, y * height + sway[1] * height / 480)
        number, since_s = divmod(own_s, EXPRESSION_S)
        before, now = (POSES[EMOTIONS[(int(number) + 2 * person + step) % len(EMOTIONS)]] for step in (0, 1))
        pose = before.interpolate(now, min(since_s / _TRANSITION_S, 1.0))
        blink = max(0.0, 1 - abs((own_s % 3.7) - 0.1) / 0.1)
        draw(pixels, centre, HEAD * height * (1 + 0.02 * np.sin(0.4 * own_s)), pose, blink)


def _position(person: int, people: int) -> tuple[float, float]:
    """The centre of a face, as shares of width and height."""
    rows = 1 if people <= 2 else 2
    columns = -(-people // rows)
    row, column = divmod(person, columns)
    return (column + 0.5) / columns, (row + 0.5) / rows - 0.04


def _draw_background(width: int, height: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A dim room with light from above and large soft shapes."""
    gradient = np.linspace(120, 78, height)[:, None, None] * np.array([0.92, 1.0, 1.08])
    shapes = cv2.resize(rng.normal(0, 9, (6, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(gradient + shapes[:, :, None], 0, 255), np.uint8)

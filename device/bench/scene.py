"""A made room for measuring: people who move a little and change their faces now and then, and a sensor's noise.

The same picture again and again would measure a program that has learnt to do nothing; so would a picture that is new
in every corner measure one that never may. A camera's stream is between them, and this is one.
"""

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import EMOTIONS
from device.readings import Frame
from device.sense.simulator.face import Pixels, draw
from device.sense.simulator.poses import POSES

FPS = 15.0
_SECOND = 15
HEAD = 0.29
"""Crown to chin, as a share of the picture's height: a face of about 100 px in 640x480, two metres away."""
EXPRESSION_S = 4.0
"""A face keeps its expression for so long."""
_TURN_S = 0.7
_DEVIATION = 2.5
"""Of the noise, in steps of 255: a webcam by lamplight."""
_KINDS = 7
"""Pictures of noise, taken in turn; no divisor of a second's frames, so that no pair comes often."""


class SensorNoise:
    """Pictures of noise, laid over one frame after another."""

    def __init__(self, width_px: int, height_px: int, rng: np.random.Generator) -> None:
        shape = (height_px, width_px, 3)
        self._kinds = [np.rint(rng.normal(0, _DEVIATION, shape)).astype(np.int8) for _ in range(_KINDS)]
        self._count = 0

    def on(self, pixels: Pixels) -> Pixels:
        """A new picture: `pixels` (h, w, 3) uint8 as the next frame of a sensor."""
        self._count += 1
        noisy = cv2.add(pixels, self._kinds[self._count % _KINDS], dtype=cv2.CV_8U)
        return noisy.astype(np.uint8, copy=False)


class Room:
    """Its frames, a few at a time, so that they can be drawn before the clock runs and need little memory."""

    def __init__(self, people: int, width_px: int = 640, height_px: int = 480, seed: int = 0) -> None:
        """Raises ValueError for more than 8 people."""
        if not 0 <= people <= 8:
            raise ValueError(f"{people} people: 0 to 8 are drawn")
        self._people, self._size, self._count = people, (width_px, height_px), 0
        rng = np.random.default_rng(seed)
        self._walls = _walls(width_px, height_px, rng)
        self._noise = SensorNoise(width_px, height_px, rng)

    def frames(self, count: int) -> list[Frame]:
        """The next frames; their `time_s` goes on from call to call."""
        made = []
        for _ in range(count):
            now_s = self._count / FPS
            pixels = self._walls.copy()
            for person in range(self._people):
                self._draw(pixels, person, now_s)
            made.append(Frame(self._noise.on(pixels), now_s))
            self._count += 1
        return made

    def stream(self, seconds: float) -> Iterator[list[Frame]]:
        """A second to warm up with, then `seconds`, a second's frames at a time, each drawn when it is asked for."""
        left = max(round(seconds * FPS), 3)
        yield self.frames(min(_SECOND, left))
        while left > 0:
            yield self.frames(min(_SECOND, left))
            left -= _SECOND

    def _draw(self, pixels: Pixels, person: int, now_s: float) -> None:
        width, height = self._size
        x, y = _place(person, self._people)
        # Everybody sways in a way of their own: 9 and 5 px in 640x480, in six to nine seconds.
        own = now_s + 1.9 * person
        sway = (9 * np.sin(0.7 * own), 5 * np.sin(1.1 * own + 1))
        centre = (x * width + sway[0] * height / 480, y * height + sway[1] * height / 480)
        act, since_s = divmod(own, EXPRESSION_S)
        before, now = (POSES[EMOTIONS[(int(act) + 2 * person + step) % len(EMOTIONS)]] for step in (0, 1))
        pose = before.towards(now, min(since_s / _TURN_S, 1.0))
        blink = max(0.0, 1 - abs((own % 3.7) - 0.1) / 0.1)
        draw(pixels, centre, HEAD * height * (1 + 0.02 * np.sin(0.4 * own)), pose, blink)


def _place(person: int, people: int) -> tuple[float, float]:
    """Where the middle of a face is, as shares of width and height."""
    rows = 1 if people <= 2 else 2
    columns = -(-people // rows)
    row, column = divmod(person, columns)
    return (column + 0.5) / columns, (row + 0.5) / rows - 0.04


def _walls(width: int, height: int, rng: np.random.Generator) -> npt.NDArray[np.uint8]:
    """A dim room: light from above, and large soft things in it."""
    down = np.linspace(120, 78, height)[:, None, None] * np.array([0.92, 1.0, 1.08])
    things = cv2.resize(rng.normal(0, 9, (6, 8)).astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(down + things[:, :, None], 0, 255), np.uint8)

"""The stand-in learns its roles: a random search over poses and prosodies, with the device's own readers as audience.

An actor does the same before a mirror. What it shows is that each emotion can be played so that it is read; it says
nothing about accuracy on people.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

import cv2
import numpy as np

from device.emotions import EMOTIONS, Emotion, Floats
from device.perception.face.align import aligned_crop
from device.perception.load import Perception, load_perception
from device.perception.voice.classifier import WINDOW
from device.readings import SoundWindow
from device.sense.simulator.face import Pose, draw
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import Prosody, speak
from device.settings.schema import Settings

_R = TypeVar("_R", Pose, Prosody)
_POSE_LIMITS = (np.full(9, -1.0), np.full(9, 1.2))
_PROSODY_LIMITS = (
    np.array([85, 0.02, -0.5, 2.2, 0.5, -16, 0.0, 0.0, 0.005, 0.1]),
    np.array([320, 0.5, 0.6, 6.0, 0.9, -2, 0.35, 0.06, 0.1, 0.4]),
)


def search(
    start: _R,
    make: Callable[..., _R],
    limits: tuple[Floats, Floats],
    score: Callable[[_R], float],
    steps: int,
    seed: int,
) -> tuple[_R, float]:
    """The best of `steps` random changes, each from the best so far, within `limits` (low, high)."""
    rng = np.random.default_rng(seed)
    low, high = limits
    best, reached = start, score(start)
    for step in range(steps):
        width = 0.35 * (1 - step / steps) + 0.05
        some = rng.random(len(low)) < 0.4
        numbers = np.clip(
            np.array(best.numbers()) + some * rng.normal(0, width, len(low)) * (high - low) / 2, low, high
        )
        tried = make(*(round(float(v), 3) for v in numbers))
        if (found := score(tried)) > reached:
            best, reached = tried, found
    return best, reached


def face_score(readers: Perception, emotion: Emotion) -> Callable[[Pose], float]:
    """How surely a pose is read as `emotion`: the mean probability over places, sizes and blinks; 0 if not found."""
    index = EMOTIONS.index(emotion)

    def score(pose: Pose) -> float:
        total = 0.0
        for x, y, height, blink in ((320, 250, 230, 0), (312, 246, 236, 0), (328, 254, 224, 0.4)):
            pixels = np.full((480, 640, 3), (92, 100, 108), np.uint8)
            draw(pixels, (x, y), height, pose, blink)
            found = readers.detector.find(pixels)
            if not found:
                return 0.0
            gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
            face = replace(found[0], crop=aligned_crop(gray, found[0]))
            total += float(readers.face.read(face, 0.0).probabilities[index])
        return total / 3

    return score


def voice_score(readers: Perception, emotion: Emotion) -> Callable[[Prosody], float]:
    """How surely a prosody is read as `emotion`: the mean over three utterances; 0 where no voice is heard."""
    index = EMOTIONS.index(emotion)

    def score(prosody: Prosody) -> float:
        total = 0.0
        for seed in (0, 1, 2):
            samples = speak(prosody, 4.0, seed)
            for end in (WINDOW, len(samples)):
                reading = readers.voice.read(SoundWindow(samples[end - WINDOW : end], 0.0))
                total += 0.0 if reading is None else float(reading.probabilities[index])
        return total / 6

    return score


def search_poses(steps: int) -> str:
    """The source of device/sense/simulator/poses.py after a rehearsal of `steps` tries a role."""
    readers = load_perception(Settings())
    about = "How the stand-in plays each emotion. Found by `python -m convert rehearse`, which asks the networks."
    lines = [f'"""{about}"""', ""]
    lines += [f"from device.{module} import {name}" for module, name in _IMPORTS]
    for title, roles, make, limits, scored in (
        ("POSES", POSES, Pose, _POSE_LIMITS, face_score),
        ("PROSODIES", PROSODIES, Prosody, _PROSODY_LIMITS, voice_score),
    ):
        lines += ["", f"{title} = {{"] if title == "POSES" else [f"{title} = {{"]
        for emotion in EMOTIONS:
            role, reached = search(roles[emotion], make, limits, scored(readers, emotion), steps, 0)  # type: ignore[type-var, arg-type]
            print(f"{title} {emotion.value}: read so with {reached:.2f}", flush=True)
            numbers = ", ".join(f"{value:g}" for value in role.numbers())
            lines.append(f"    Emotion.{emotion.name}: {make.__name__}({numbers}),")
        lines.append("}")
    return "\n".join(lines) + "\n"


_IMPORTS = (
    ("emotions", "Emotion"),
    ("sense.simulator.face", "Pose"),
    ("sense.simulator.voice", "Prosody"),
)

"""Searches the simulator's poses and prosodies: a random search, scored by the device's own networks.

The result shows that each emotion can be simulated so that it is recognized. It says nothing about accuracy on people.
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
    """The best of `steps` random changes, each from the best so far, within `limits` (low, high), and its score."""
    rng = np.random.default_rng(seed)
    low, high = limits
    best, best_score = start, score(start)
    for step in range(steps):
        width = 0.35 * (1 - step / steps) + 0.05
        is_changed = rng.random(len(low)) < 0.4
        numbers = np.clip(np.array(best) + is_changed * rng.normal(0, width, len(low)) * (high - low) / 2, low, high)
        candidate = make(*(round(float(v), 3) for v in numbers))
        if (tried_score := score(candidate)) > best_score:
            best, best_score = candidate, tried_score
    return best, best_score


def face_score(perception: Perception, emotion: Emotion) -> Callable[[Pose], float]:
    """Score of a pose: mean probability of `emotion` over positions, sizes and blinks; 0 if no face is detected."""
    index = EMOTIONS.index(emotion)

    def score(pose: Pose) -> float:
        total = 0.0
        for x, y, height, blink in ((320, 250, 230, 0), (312, 246, 236, 0), (328, 254, 224, 0.4)):
            pixels = np.full((480, 640, 3), (92, 100, 108), np.uint8)
            draw(pixels, (x, y), height, pose, blink)
            found = perception.detector.find(pixels)
            if not found:
                return 0.0
            gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
            face = replace(found[0], crop=aligned_crop(gray, found[0]))
            total += float(perception.face.read(face, 0.0).probabilities[index])
        return total / 3

    return score


def voice_score(perception: Perception, emotion: Emotion) -> Callable[[Prosody], float]:
    """Score of a prosody: mean probability of `emotion` over three utterances; 0 for those without a detected voice."""
    index = EMOTIONS.index(emotion)

    def score(prosody: Prosody) -> float:
        total = 0.0
        for seed in (0, 1, 2):
            samples = speak(prosody, 4.0, seed)
            for end in (WINDOW, len(samples)):
                reading = perception.voice.read(SoundWindow(samples[end - WINDOW : end], 0.0))
                total += 0.0 if reading is None else float(reading.probabilities[index])
        return total / 6

    return score


def search_poses(steps: int) -> str:
    """The source of device/sense/simulator/poses.py after `steps` tries per pose and prosody."""
    perception = load_perception(Settings())
    about = "The simulator's pose and prosody for each emotion, found by `python -m convert simulator`."
    lines = [f'"""{about}"""', ""]
    imports = (("emotions", "Emotion"), ("sense.simulator.face", "Pose"), ("sense.simulator.voice", "Prosody"))
    lines += [f"from device.{module} import {name}" for module, name in imports]
    for title, entries, make, limits, make_score in (
        ("POSES", POSES, Pose, _POSE_LIMITS, face_score),
        ("PROSODIES", PROSODIES, Prosody, _PROSODY_LIMITS, voice_score),
    ):
        lines += ["", f"{title} = {{"] if title == "POSES" else [f"{title} = {{"]
        for emotion in EMOTIONS:
            entry, best_score = search(entries[emotion], make, limits, make_score(perception, emotion), steps, 0)  # type: ignore[type-var, arg-type]
            print(f"{title} {emotion.value}: probability {best_score:.2f}", flush=True)
            numbers = ", ".join(f"{value:g}" for value in entry)
            lines.append(f"    Emotion.{emotion.name}: {make.__name__}({numbers}),")
        lines.append("}")
    return "\n".join(lines) + "\n"

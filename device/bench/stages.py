"""Each step of the two paths alone, on one picture and one window of sound."""

from dataclasses import replace
from itertools import count

import cv2
import numpy as np

from device.bench import timing
from device.bench.timing import Json
from device.emotions import Emotion
from device.perception.audio.correlogram import correlogram
from device.perception.audio.log_mel import log_mel
from device.perception.audio.prosody import prosody
from device.perception.audio.vad import speech_frames
from device.perception.face.align import aligned_crop
from device.perception.load import Perception
from device.readings import Frame, SoundWindow
from device.sense.live_view import encode_frame
from device.sense.simulator.face import draw
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak


def measure(perception: Perception, seconds: float) -> list[Json]:
    """Each step for about `seconds`, without caching anything between runs."""
    pixels = np.full((480, 640, 3), 110, np.uint8)
    draw(pixels, (320, 240), 200, POSES[Emotion.HAPPY])
    frame = Frame(pixels, 0.0)
    detected = perception.detector.find(pixels)[0]
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    face = replace(detected, crop=aligned_crop(gray, detected))
    reading = perception.face.read(face, 0.0)
    samples = speak(PROSODIES[Emotion.ANGRY], 3.0)
    positions = count(0, 100 * len(samples))
    stages = {
        "detect faces in the whole": lambda: perception.detector.find(pixels),
        "align one crop": lambda: aligned_crop(gray, detected),
        "read one face": lambda: perception.face.read(face, 0.0),
        "live view, one picture": lambda: encode_frame(frame, [reading]),
        "speech gate, 3 s": lambda: speech_frames(samples),
        "log-mel, 3 s": lambda: log_mel(samples),
        "correlogram, 3 s": lambda: correlogram(samples),
        "prosody, 3 s": lambda: prosody(samples),
        # Each at a new position of the stream, so that no frame is cached.
        "voice, a window alone": lambda: perception.voice.read(SoundWindow(samples, 3.0, next(positions))),
    }
    return [{"stage": name, **timing.measure(call, seconds).as_json()} for name, call in stages.items()]

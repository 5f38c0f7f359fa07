"""Each step of the two paths alone, on one picture and one window of sound."""

from dataclasses import replace
from itertools import count

import cv2
import numpy as np

from device.bench.timing import Json, timed
from device.emotions import Emotion
from device.perception.audio.correlogram import correlogram
from device.perception.audio.log_mel import log_mel
from device.perception.audio.prosody import prosody
from device.perception.audio.vad import speech_frames
from device.perception.face.align import aligned_crop
from device.perception.load import Perception
from device.readings import Frame, SoundWindow
from device.sense.live_view import picture
from device.sense.simulator.face import draw
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak


def measure(readers: Perception, seconds: float) -> list[Json]:
    """Each for about `seconds`, with nothing kept from one run to the next: what a step costs when it is done."""
    pixels = np.full((480, 640, 3), 110, np.uint8)
    draw(pixels, (320, 240), 200, POSES[Emotion.HAPPY])
    frame = Frame(pixels, 0.0)
    found = readers.detector.find(pixels)[0]
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    face = replace(found, crop=aligned_crop(gray, found))
    reading = readers.face.read(face, 0.0)
    samples = speak(PROSODIES[Emotion.ANGRY], 3.0)
    places = count(0, 100 * len(samples))
    stages = {
        "detect faces in the whole": lambda: readers.detector.find(pixels),
        "align one crop": lambda: aligned_crop(gray, found),
        "read one face": lambda: readers.face.read(face, 0.0),
        "live view, one picture": lambda: picture(frame, [reading]),
        "speech gate, 3 s": lambda: speech_frames(samples),
        "log-mel, 3 s": lambda: log_mel(samples),
        "correlogram, 3 s": lambda: correlogram(samples),
        "prosody, 3 s": lambda: prosody(samples),
        # Each from another place of the stream: nothing of the one before is in it.
        "voice, a window alone": lambda: readers.voice.read(SoundWindow(samples, 3.0, next(places))),
    }
    return [{"stage": name, **timed(call, seconds).told()} for name, call in stages.items()]

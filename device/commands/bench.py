"""`mien bench`: each stage and the whole, timed on this device, on the stand-in's pictures and sound."""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from device.emotions import Emotion
from device.readings import Frame, SoundWindow
from device.sense.faces import aligned_crop
from device.sense.features import RATE_HZ, correlogram, log_mel
from device.sense.live import picture
from device.sense.prosody import prosody
from device.sense.readers import Readers, readers_of
from device.sense.speech_gate import speech_frames
from device.sense.stand_in.drawn_face import draw
from device.sense.stand_in.made_voice import speak
from device.sense.stand_in.roles import POSES, PROSODIES
from device.sense.tflite import runtime
from device.settings import Settings, load

Json = dict[str, Any]


def run(arguments: argparse.Namespace) -> int:
    """Time everything for about `--seconds` a stage, and print it."""
    settings = load(arguments.settings)
    readers = readers_of(settings)
    result = measure(readers, arguments.seconds)
    result["start_to_first_mood_s"] = _start_s()
    if arguments.json:
        print(json.dumps(result))
        return 0
    print(f"{result['runtime']['name']} {result['runtime']['version']}, {result['cores']} cores")
    print(f"{'stage':28} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8}")
    for stage in result["stages"]:
        print(f"{stage['stage']:28} {stage['p50_ms']:8.2f} {stage['p95_ms']:8.2f} {stage['cpu_ms']:8.2f}")
    fps = result["face_path_fps"]
    print(f"face path: {result['face_path_cpu_ms']:.2f} ms CPU a frame (640x480, one face), {fps:.0f} frames/s")
    print(f"voice path: {result['voice_path_cpu_ms_per_s']:.2f} ms CPU for each second heard")
    print(f"start to first reading: {result['start_to_first_mood_s']:.2f} s; memory: {result['rss_mb']}")
    return 0


def measure(readers: Readers, seconds: float) -> Json:
    """All stages; times are of this process, the memory of a sense that has just started."""
    pixels = np.full((480, 640, 3), 110, np.uint8)
    draw(pixels, (320, 240), 200, POSES[Emotion.HAPPY])
    frame = Frame(pixels, 0.0)
    faces = readers.detector.find(pixels)
    gray = cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
    face = replace(faces[0], crop=aligned_crop(gray, faces[0]))
    window = SoundWindow(speak(PROSODIES[Emotion.ANGRY], 3.0), 3.0)
    sight = readers.sight(Settings())
    reading = readers.face.read(face, 0.0)

    stages = {
        "detect faces in the whole": lambda: readers.detector.find(pixels),
        "align one crop": lambda: aligned_crop(gray, faces[0]),
        "read one face": lambda: readers.face.read(face, 0.0),
        "face path, one frame": lambda: sight.see(frame),
        "live view, one picture": lambda: picture(frame, [reading]),
        "speech gate, 3 s": lambda: speech_frames(window.samples),
        "log-mel, 3 s": lambda: log_mel(window.samples),
        "correlogram, 3 s": lambda: correlogram(window.samples),
        "prosody, 3 s": lambda: prosody(window.samples),
        "voice path, one window": lambda: readers.voice.read(window),
    }
    timed = [_timed(name, call, seconds) for name, call in stages.items()]
    by_name = {stage["stage"]: stage for stage in timed}
    path = by_name["face path, one frame"]
    name, version = runtime()
    return {
        "face_path_cpu_ms": path["cpu_ms"],
        "face_path_fps": round(1000 / path["p50_ms"], 1),
        # Two windows are read in each second (microphone.every_s = 0.5).
        "voice_path_cpu_ms_per_s": round(2 * by_name["voice path, one window"]["cpu_ms"], 3),
        "rss_mb": {"sense": _rss_mb("device.sense.assembly"), "hub": _rss_mb("device.hub.service")},
        "cores": os.cpu_count(),
        "runtime": {"name": name, "version": version, "xnnpack": bool(by_name["read one face"]["p50_ms"] < 20)},
        "sound_rate_hz": RATE_HZ,
        "stages": timed,
    }


def _timed(stage: str, call: Callable[[], object], seconds: float) -> Json:
    call()
    walls: list[float] = []
    begun_cpu, begun = time.process_time(), time.perf_counter()
    while time.perf_counter() - begun < seconds or len(walls) < 5:
        at = time.perf_counter()
        call()
        walls.append(1000 * (time.perf_counter() - at))
    cpu_ms = 1000 * (time.process_time() - begun_cpu) / len(walls)
    p50, p95 = np.percentile(walls, [50, 95])
    return {
        "stage": stage,
        "p50_ms": round(p50, 3),
        "p95_ms": round(p95, 3),
        "cpu_ms": round(cpu_ms, 3),
        "runs": len(walls),
    }


_RSS = """
import importlib, sys
importlib.import_module(sys.argv[1])
if sys.argv[1].startswith("device.sense"):
    from device.sense.readers import readers_of
    from device.settings import Settings
    import numpy as np
    readers = readers_of(Settings())
    readers.detector.find(np.zeros((480, 640, 3), np.uint8))
# Not ru_maxrss: after a fork that is the parent's.
print(next(int(line.split()[1]) / 1024 for line in open("/proc/self/status") if line.startswith("VmRSS")))
"""


def _rss_mb(module: str) -> float:
    """Resident memory of a fresh process with a room's code (and for sense its networks) loaded."""
    done = subprocess.run([sys.executable, "-c", _RSS, module], capture_output=True, text=True, check=True)
    return round(float(done.stdout), 1)


_FIRST = """
import numpy as np
from device.sense.readers import readers_of
from device.sense.stand_in.drawn_face import Pose, draw
from device.readings import Frame
from device.settings import Settings
readers = readers_of(Settings())
pixels = np.full((480, 640, 3), 110, np.uint8)
draw(pixels, (320, 240), 200, Pose())
sight = readers.sight(Settings())
sight.see(Frame(pixels, 0.0))
assert sight.see(Frame(pixels, 0.1))
"""


def _start_s() -> float:
    """From the start of a process to its first reading of a face, at the second frame."""
    begun = time.perf_counter()
    subprocess.run([sys.executable, "-c", _FIRST], check=True)
    return round(time.perf_counter() - begun, 2)

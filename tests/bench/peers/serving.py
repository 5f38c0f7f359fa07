"""What the Python peers share: frames or seconds of sound out of a file, a few at a time, and their CPU."""

import json
import math
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RATE_HZ = 16_000
WINDOW = 3 * RATE_HZ


def serve(load: Callable[[], Callable[[Any], int]]) -> None:
    """Load, then for each number on stdin look at so many frames more, and print what they took as one JSON line.

    `load` gives what looks at one frame, (h, w, 3) uint8 RGB, and returns how many faces it read in it. Arguments:
    the file of raw frames, their width and height.
    """
    shape = int(sys.argv[3]), int(sys.argv[2]), 3
    size = math.prod(shape)
    count = Path(sys.argv[1]).stat().st_size // size

    # Read one by one: a file that is mapped whole would count as the peer's memory.
    def picture(n: int) -> tuple[Any]:
        return (np.fromfile(sys.argv[1], np.uint8, size, offset=n % count * size).reshape(shape),)

    _answer(load, picture)


def serve_sound(load: Callable[[], Callable[[Any, int], int]]) -> None:
    """The same for sound: each number on stdin is so many seconds more, at each of which the last three are heard.

    `load` gives what hears a window, (WINDOW,) float32 in -1..1, and the sample of the stream that it begins with; it
    returns whether it read a voice in it. Argument: the file of float32 samples, mono, at RATE_HZ.
    """
    sound = np.fromfile(sys.argv[1], np.float32)
    begins = range(0, len(sound) - WINDOW + 1, RATE_HZ)

    def window(n: int) -> tuple[Any, int]:
        begin = begins[n % len(begins)]
        return sound[begin : begin + WINDOW].copy(), begin

    _answer(load, window)


def _answer(load: Callable[[], Callable[..., int]], given: Callable[[int], tuple[Any, ...]]) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    take, count = load(), 0
    for line in sys.stdin:
        cpu_ms, wall_ms, found = [], [], 0
        for n in range(count, count + int(line)):
            one = given(n)
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            found += take(*one)
            wall_ms.append(1000 * (time.perf_counter() - wall_s))
            cpu_ms.append(1000 * (time.process_time() - cpu_s))
        count += int(line)
        told = {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "found": found, "rss_mb": _resident_mb()}
        print(json.dumps(told), file=answers, flush=True)


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024

"""Shared by the Python peers: reads frames or seconds of sound from a file on request, and measures the CPU time."""

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
    """For each number on stdin, read that many more frames, and print the measurements as one JSON line.

    `load` returns a function that reads one frame, (h, w, 3) uint8 RGB, and returns the number of faces. Arguments:
    the file of raw frames, their width and height.
    """
    shape = int(sys.argv[3]), int(sys.argv[2]), 3
    size = math.prod(shape)
    count = Path(sys.argv[1]).stat().st_size // size

    # Read one by one: a file that is mapped as a whole would count as the peer's memory.
    def picture(n: int) -> tuple[Any]:
        return (np.fromfile(sys.argv[1], np.uint8, size, offset=n % count * size).reshape(shape),)

    _answer(load, picture)


def serve_sound(load: Callable[[], Callable[[Any, int], int]]) -> None:
    """The same for sound: for each second, the window of the last three seconds is read.

    `load` returns a function that reads a window, (WINDOW,) float32 in -1..1, given its first sample's position in the
    stream, and returns whether it has a voice. Argument: the file of float32 samples, mono, at RATE_HZ.
    """
    sound = np.fromfile(sys.argv[1], np.float32)
    starts = range(0, len(sound) - WINDOW + 1, RATE_HZ)

    def window(n: int) -> tuple[Any, int]:
        start = starts[n % len(starts)]
        return sound[start : start + WINDOW].copy(), start

    _answer(load, window)


def _answer(load: Callable[[], Callable[..., int]], get_input: Callable[[int], tuple[Any, ...]]) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # keep a library's output out of the answers
    read, count = load(), 0
    for line in sys.stdin:
        cpu_ms, wall_ms, found = [], [], 0
        for n in range(count, count + int(line)):
            arguments = get_input(n)
            cpu_s, wall_s = time.process_time(), time.perf_counter()
            found += read(*arguments)
            wall_ms.append(1000 * (time.perf_counter() - wall_s))
            cpu_ms.append(1000 * (time.process_time() - cpu_s))
        count += int(line)
        result = {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "found": found, "rss_mb": _resident_mb()}
        print(json.dumps(result), file=answers, flush=True)


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024

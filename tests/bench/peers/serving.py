"""What the Python peers share: frames out of a file, a few at a time, and the CPU that each took."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any


def serve(load: Callable[[], Callable[[Any], int]]) -> None:
    """Load, then for each number on stdin look at so many frames more, and print what they took as one JSON line.

    `load` gives what looks at one frame, (h, w, 3) uint8 RGB, and returns how many faces it read in it. Arguments:
    the file of raw frames, their width and height.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints is no answer
    import numpy as np

    path, width, height = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    look = load()
    with Path(path).open("rb") as file:
        for line in sys.stdin:
            cpu_ms, wall_ms, faces = [], [], 0
            for data in _frames(file, width * height * 3, int(line)):
                pixels = np.frombuffer(data, np.uint8).reshape(height, width, 3)
                cpu_s, wall_s = time.process_time(), time.perf_counter()
                faces += look(pixels)
                wall_ms.append(1000 * (time.perf_counter() - wall_s))
                cpu_ms.append(1000 * (time.process_time() - cpu_s))
            told = {"cpu_ms": cpu_ms, "wall_ms": wall_ms, "faces": faces, "rss_mb": _resident_mb()}
            print(json.dumps(told), file=answers, flush=True)


def _frames(file: Any, size: int, count: int) -> Iterator[bytes]:
    """The next `count` frames, from the beginning again after the last."""
    for _ in range(count):
        data = file.read(size)
        if len(data) < size:
            file.seek(0)
            data = file.read(size)
        yield data


def _resident_mb() -> float:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024

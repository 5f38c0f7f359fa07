"""Several streams at once, a process each: what a second camera costs, and whether one slows the other down."""

import json
import subprocess
import sys
from pathlib import Path

from device.bench.face import watch
from device.bench.scene import Room
from device.bench.timing import Json
from device.errors import MienError
from device.perception.load import load_perception
from device.settings.load import load

COUNTS = (1, 2, 4, 8)


def measure(seconds: float, settings: Path | None = None, counts: tuple[int, ...] = COUNTS) -> list[Json]:
    """A row for each number of streams, each of `seconds` and watched as fast as it goes, one person in each.

    `cpu_ms` is of a frame of one stream: it stays as it is until the cores are full if streams do not disturb each
    other; `fps` is of all together. Raises MienError when one of them does not run.
    """
    return [_together(count, seconds, settings) for count in counts]


def _together(count: int, seconds: float, settings: Path | None) -> Json:
    command = [
        sys.executable,
        "-m",
        "device.bench.parallel_streams",
        str(seconds),
        *([str(settings)] if settings else []),
    ]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) for _ in range(count)]
    try:
        for one in running:
            if one.stdout is None or one.stdout.readline() != "ready\n":
                raise MienError("a stream ended before it began; see what it said above")
        answers = [one.communicate(timeout=60 + 60 * seconds)[0] for one in _begun(running)]
    finally:
        for one in running:
            one.kill()
            one.wait()
    rows = [json.loads(answer) for answer in answers]
    return {
        "streams": count,
        "cpu_ms": round(sum(row["cpu_ms"] for row in rows) / count, 3),
        "fps": round(sum(row["fps"] for row in rows), 1),
    }


def _begun(running: "list[subprocess.Popen[str]]") -> "list[subprocess.Popen[str]]":
    """All begin at once, when all are ready."""
    for one in running:
        if one.stdin:
            one.stdin.write("\n")
            one.stdin.flush()
    return running


def _alone(seconds: float, path: Path | None) -> None:
    """One of the streams: says when it is ready, waits, and tells what it took."""
    settings = load(path)
    readers = load_perception(settings)
    print("ready", flush=True)  # noqa: T201 - for the process that counts
    sys.stdin.readline()
    print(json.dumps(watch(readers, settings, Room(1).stream(seconds)).told()))  # noqa: T201


if __name__ == "__main__":
    _alone(float(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)

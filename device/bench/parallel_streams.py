"""Several streams at once, one process each: the cost of a second camera, and whether streams slow each other down."""

import json
import subprocess
import sys
from pathlib import Path

from device.bench.face import measure_stream
from device.bench.scene import Room
from device.bench.timing import Json
from device.errors import MienError
from device.perception.load import load_perception
from device.settings.load import load
from device.system.python import python_command
from device.system.stderr import StderrRelay

COUNTS = (1, 2, 4, 8)


def measure(seconds: float, settings: Path | None = None, counts: tuple[int, ...] = COUNTS) -> list[Json]:
    """One row per number of streams. Each stream lasts `seconds` with one person, read as fast as possible.

    `cpu_ms` is per frame of one stream. If streams do not disturb each other, it stays constant until all cores are
    busy. `fps` is the sum over all streams. Raises MienError if a stream does not run.
    """
    return [_run_together(count, seconds, settings) for count in counts]


def _run_together(count: int, seconds: float, settings: Path | None) -> Json:
    command = python_command("-m", "device.bench.parallel_streams", str(seconds))
    command += [str(settings)] if settings else []
    pipe = subprocess.PIPE
    processes = [subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(count)]
    relays = [StderrRelay(process.stderr) for process in processes if process.stderr]
    for process in processes:
        process.stderr = None  # the relay reads it, so communicate() must not
    try:
        for process, relay in zip(processes, relays, strict=True):
            if process.stdout is None or process.stdout.readline() != b"ready\n":
                process.kill()
                raise MienError(f"a stream ended before it started: {relay.last_line() or 'it said nothing'}")
        for process in processes:  # all at the same time
            if process.stdin:
                process.stdin.write(b"\n")
                process.stdin.flush()
        outputs = [process.communicate(timeout=60 + 60 * seconds)[0] for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    rows = [json.loads(output) for output in outputs]
    return {
        "streams": count,
        "cpu_ms": round(sum(row["cpu_ms"] for row in rows) / count, 3),
        "fps": round(sum(row["fps"] for row in rows), 1),
    }


def _run_one(seconds: float, path: Path | None) -> None:
    """Run one stream: print when it is ready, wait for the start, and print the measurements."""
    settings = load(path)
    perception = load_perception(settings)
    print("ready", flush=True)  # noqa: T201 - for the parent process
    sys.stdin.readline()
    print(json.dumps(measure_stream(perception, settings, Room(1).stream(seconds)).as_json()))  # noqa: T201


if __name__ == "__main__":
    _run_one(float(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None)

"""The face path, by the number of faces, the size of the picture and the threads of the networks."""

import contextlib
import os
from collections.abc import Iterator
from itertools import product

import msgspec

from device.bench.face import measure_stream
from device.bench.scene import Room
from device.bench.timing import Json
from device.perception.load import load_perception
from device.perception.tflite import Network
from device.settings.schema import Settings

FACES = (1, 2, 4, 8)
SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080))
DEFAULT_SIZE = (640, 480)


def list_cells(*, full: bool, cores: int | None = None) -> list[tuple[int, tuple[int, int], int]]:
    """(faces, size in px, threads): the full grid, or the default varied along one axis at a time."""
    threads = [count for count in (1, 2, 4) if count <= (cores or os.cpu_count() or 1)]
    if full:
        return [(faces, size, count) for count, size, faces in product(threads, SIZES, FACES)]
    return [(faces, DEFAULT_SIZE, 1) for faces in FACES] + [(1, size, 1) for size in SIZES if size != DEFAULT_SIZE]


def measure(settings: Settings, stream_s: float, *, full: bool) -> list[Json]:
    """One row per cell, measured over `stream_s` seconds of a drawn scene after a second that does not count."""
    camera = msgspec.structs.replace(settings.camera, max_faces=max(FACES))
    settings = msgspec.structs.replace(settings, camera=camera)
    rows = []
    for faces, (width, height), threads in list_cells(full=full):
        with use_threads(threads):
            perception = load_perception(settings)
        stats = measure_stream(perception, settings, Room(faces, width, height).stream(stream_s))
        rows.append({"faces": faces, "width_px": width, "height_px": height, "threads": threads, **stats.as_json()})
    return rows


@contextlib.contextmanager
def use_threads(threads: int) -> Iterator[None]:
    """Networks that are loaded inside the block run on `threads` threads; normally each has one."""
    default = Network.__init__.__defaults__
    Network.__init__.__defaults__ = (threads,)
    try:
        yield
    finally:
        Network.__init__.__defaults__ = default


def compute_face_ratio(rows: list[Json]) -> float | None:
    """The CPU time of eight faces divided by that of one, at the default size on one thread."""
    default = [row for row in rows if (row["width_px"], row["height_px"], row["threads"]) == (*DEFAULT_SIZE, 1)]
    cpu_ms = {row["faces"]: row["cpu_ms"] for row in default}
    return round(cpu_ms[8] / cpu_ms[1], 2) if cpu_ms.get(1) and 8 in cpu_ms else None

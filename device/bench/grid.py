"""The face path over the number of faces, the size of the picture and the threads of the networks."""

import contextlib
import os
from collections.abc import Iterator
from itertools import product

import msgspec

from device.bench.face import watch
from device.bench.scene import Room
from device.bench.timing import Json
from device.perception.load import load_perception
from device.perception.tflite import Network
from device.settings.schema import Settings

FACES = (1, 2, 4, 8)
SIZES = ((320, 240), (640, 480), (1280, 720), (1920, 1080))
USUAL = (640, 480)


def cells(*, full: bool, cores: int | None = None) -> list[tuple[int, tuple[int, int], int]]:
    """(faces, size in px, threads): all of them, or only those along the usual size, one face and one thread."""
    threads = [count for count in (1, 2, 4) if count <= (cores or os.cpu_count() or 1)]
    if full:
        return [(faces, size, count) for count, size, faces in product(threads, SIZES, FACES)]
    return [(faces, USUAL, 1) for faces in FACES] + [(1, size, 1) for size in SIZES if size != USUAL]


def measure(settings: Settings, stream_s: float, *, full: bool) -> list[Json]:
    """A row a cell, each over `stream_s` seconds of a made stream after a second that does not count."""
    camera = msgspec.structs.replace(settings.camera, max_faces=max(FACES))
    settings = msgspec.structs.replace(settings, camera=camera)
    rows = []
    for faces, (width, height), threads in cells(full=full):
        with networks_on(threads):
            readers = load_perception(settings)
        seen = watch(readers, settings, Room(faces, width, height).stream(stream_s))
        rows.append({"faces": faces, "width_px": width, "height_px": height, "threads": threads, **seen.told()})
    return rows


@contextlib.contextmanager
def networks_on(threads: int) -> Iterator[None]:
    """Networks that are loaded meanwhile run on so many threads; at home they have one each."""
    usual = Network.__init__.__defaults__
    Network.__init__.__defaults__ = (threads,)
    try:
        yield
    finally:
        Network.__init__.__defaults__ = usual


def eight_against_one(rows: list[Json]) -> float | None:
    """How much more CPU eight faces take than one, at the usual size on one thread."""
    usual = {
        row["faces"]: row["cpu_ms"]
        for row in rows
        if (row["width_px"], row["height_px"], row["threads"]) == (*USUAL, 1)
    }
    return round(usual[8] / usual[1], 2) if usual.get(1) and 8 in usual else None

"""`mien bench`: each stage and the whole, timed on this device, on a made room and voice or on recordings."""

import argparse
import json
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from device.bench import face, grid, networks, parallel_streams, processes, recordings, stages, voice
from device.bench.plot import DRAWN, svg
from device.bench.report import lines
from device.bench.scene import Room
from device.bench.timing import Json, timed
from device.errors import MienError
from device.perception.load import Perception, load_perception
from device.perception.tflite import runtime
from device.settings.load import load
from device.settings.schema import Settings

PARTS = ("stages", "face", "voice", "networks", "grid", "process", "streams")
_ASKED = ("streams",)
"""Parts that are measured when they are named, or with --full."""


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and plot when asked to. Raises MienError, before anything is measured where it can."""
    settings = load(arguments.settings)
    parts = _parts(arguments.parts, full=arguments.full)
    if not 0 < arguments.seconds < math.inf:
        raise MienError(f"--seconds {arguments.seconds:g}: a number, more than 0, is needed")
    if arguments.plot and not os.path.isdir(arguments.plot.absolute().parent):  # noqa: PTH112 - it may be hidden
        raise MienError(f"--plot {arguments.plot}: there is no folder {arguments.plot.absolute().parent}")
    if arguments.plot and not arguments.paths and not set(parts) & set(DRAWN):
        raise MienError(f"--plot draws {', '.join(DRAWN)}; --parts {arguments.parts} has none of them")
    readers = load_perception(settings)
    result: Json = {"cores": os.cpu_count(), "runtime": _runtime(readers)}
    if arguments.paths:
        long_s = 1e9 if arguments.full else 40 * arguments.seconds
        result["recordings"] = recordings.measure(arguments.paths, readers, settings, long_s)
    else:
        measures = _measures(readers, settings, arguments)
        for part in parts:
            result |= measures[part]()
    if arguments.plot:
        _write(arguments.plot, svg(result))
    print(json.dumps(result) if arguments.json else "\n".join(lines(result)))
    return 0


def _measures(readers: Perception, settings: Settings, arguments: argparse.Namespace) -> dict[str, Callable[[], Json]]:
    """What each of PARTS adds to the result; `--seconds` are for one stage, streams are longer."""
    seconds, full, path = arguments.seconds, arguments.full, arguments.settings
    return {
        "stages": lambda: {"stages": stages.measure(readers, seconds)},
        "face": partial(_face, readers, settings, 30 * seconds),
        "voice": partial(_voice, readers, settings, max(60 * seconds, 7.0)),
        "networks": lambda: {"networks": networks.measure(0.4 * seconds)},
        "grid": partial(_grid, settings, 10 * seconds, full=full),
        "process": partial(_process, settings, (40 if full else 16) * seconds),
        "streams": lambda: {"streams": parallel_streams.measure(20 * seconds, path)},
    }


def _face(readers: Perception, settings: Settings, stream_s: float) -> Json:
    """The face path: one person who is there, and nobody."""
    one = face.watch(readers, settings, Room(1).stream(stream_s)).told()
    nobody = face.watch(readers, settings, Room(0).stream(stream_s)).told()
    return {
        "face_path_cpu_ms": one["cpu_ms"],
        "face_path_fps": one["fps"],
        "face_path": one,
        "idle": {"face_path_cpu_ms": nobody["cpu_ms"], "face_path": nobody},
    }


def _voice(readers: Perception, settings: Settings, stream_s: float) -> Json:
    interval_s = settings.microphone.interval_s
    told = voice.listen(readers.voice, voice.windows(voice.talk(stream_s), interval_s), interval_s)
    return {"voice_path_cpu_ms_per_s": told["cpu_ms_per_s"], "voice_path": told}


def _grid(settings: Settings, stream_s: float, *, full: bool) -> Json:
    rows = grid.measure(settings, stream_s, full=full)
    return {"grid": rows, "eight_against_one": grid.eight_against_one(rows)}


def _process(settings: Settings, seconds: float) -> Json:
    """Both processes, from their start to their end."""
    somebody = processes.share("somebody", seconds, settings)
    return {
        **processes.start(settings),
        "rss_mb": somebody["rss_mb"],
        "process": {"somebody": somebody, "nobody": processes.share("nobody", max(seconds / 2, 1.0), settings)},
    }


def _runtime(readers: Perception) -> Json:
    name, version = runtime()
    network = readers.face_model.network
    crop = np.zeros(network.inputs[0].shape, np.float32)
    # The runtime does not say whether XNNPACK computes; without it a face takes ten times as long.
    p50_ms = timed(partial(network.run, crop), 0.0).told()["p50_ms"]
    return {"name": name, "version": version, "xnnpack": bool(p50_ms < 20)}


def _parts(text: str | None, *, full: bool) -> list[str]:
    """The parts that were asked for, in the order in which they are measured. Raises MienError."""
    asked = text.split(",") if text else [part for part in PARTS if full or part not in _ASKED]
    if unknown := [part for part in asked if part not in PARTS]:
        raise MienError(f"--parts {text}: {unknown[0]!r} is none of them; allowed are {', '.join(PARTS)}")
    return [part for part in PARTS if part in asked]


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MienError(f"--plot {path}: cannot be written ({error.strerror})") from error

"""`mien bench`: times each stage and the whole on this device, with a simulated room and voice or with recordings."""

import argparse
import json
import math
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from device.bench import face, grid, networks, parallel_streams, processes, recordings, stages, timing, voice
from device.bench.plot import DRAWN, draw_svg
from device.bench.report import format_lines
from device.bench.scene import Room
from device.bench.timing import Json
from device.commands import JSON, Arguments, parse_path, switch
from device.errors import MienError
from device.perception.load import Perception, load_perception
from device.perception.tflite import runtime
from device.settings.load import load
from device.settings.schema import Settings

PARTS = ("stages", "face", "voice", "networks", "grid", "process", "streams")

ARGUMENTS: Arguments = {
    "paths": {"nargs": "*", "type": parse_path, "metavar": "PATH", "help": "your own pictures, videos and sounds"},
    "--json": JSON,
    "--seconds": {"type": float, "default": 0.5, "help": "time for each stage; streams take longer (default: 0.5)"},
    "--full": switch("the full grid, parallel streams, and whole recordings"),
    "--parts": {"metavar": "PART,...", "help": f"measure only some of {', '.join(PARTS)}"},
    "--plot": {"type": parse_path, "metavar": "FILE.svg", "help": "draw the results"},
}


def run(arguments: argparse.Namespace) -> int:
    """Measure, print, and draw if --plot is given. Raises MienError, before measuring if possible."""
    settings = load(arguments.settings)
    parts = _select_parts(arguments.parts, full=arguments.full)
    if not 0 < arguments.seconds < math.inf:
        raise MienError(f"--seconds {arguments.seconds:g}: a number greater than 0 is needed")
    if arguments.plot and not os.path.isdir(arguments.plot.absolute().parent):  # noqa: PTH112 - Path.is_dir raises in a closed folder
        raise MienError(f"--plot {arguments.plot}: the folder {arguments.plot.absolute().parent} does not exist")
    if arguments.plot and not arguments.paths and not set(parts) & set(DRAWN):
        raise MienError(f"--plot draws {', '.join(DRAWN)}; --parts {arguments.parts} has none of them")
    perception = load_perception(settings)
    result: Json = {"cores": os.cpu_count(), "runtime": _describe_runtime(perception)}
    if arguments.paths:
        limit_s = 1e9 if arguments.full else 40 * arguments.seconds
        result["recordings"] = recordings.measure(arguments.paths, perception, settings, limit_s)
    else:
        measures = _measures(perception, settings, arguments)
        for part in parts:
            result |= measures[part]()
    if arguments.plot:
        _write_plot(arguments.plot, draw_svg(result))
    print(json.dumps(result) if arguments.json else "\n".join(format_lines(result)))
    return 0


def _measures(
    perception: Perception, settings: Settings, arguments: argparse.Namespace
) -> dict[str, Callable[[], Json]]:
    """Part -> the function that measures it and returns its share of the result."""
    seconds, full, path = arguments.seconds, arguments.full, arguments.settings
    return {
        "stages": lambda: {"stages": stages.measure(perception, seconds)},
        "face": partial(_face, perception, settings, 30 * seconds),
        "voice": partial(_voice, perception, settings, max(60 * seconds, 7.0)),
        "networks": lambda: {"networks": networks.measure(0.4 * seconds)},
        "grid": partial(_grid, settings, 10 * seconds, full=full),
        "process": partial(_process, settings, (40 if full else 16) * seconds),
        "streams": lambda: {"streams": parallel_streams.measure(20 * seconds, path)},
    }


def _face(perception: Perception, settings: Settings, stream_s: float) -> Json:
    """The face path with one person in the room, and with nobody."""
    one = face.measure_stream(perception, settings, Room(1).stream(stream_s)).as_json()
    nobody = face.measure_stream(perception, settings, Room(0).stream(stream_s)).as_json()
    return {
        "face_path_cpu_ms": one["cpu_ms"],
        "face_path_fps": one["fps"],
        "face_path": one,
        "idle": {"face_path_cpu_ms": nobody["cpu_ms"], "face_path": nobody},
    }


def _voice(perception: Perception, settings: Settings, stream_s: float) -> Json:
    interval_s = settings.microphone.interval_s
    windows = voice.cut_windows(voice.synthesize_speech(stream_s), interval_s)
    result = voice.measure_windows(perception.voice, windows, interval_s)
    return {"voice_path_cpu_ms_per_s": result["cpu_ms_per_s"], "voice_path": result}


def _grid(settings: Settings, stream_s: float, *, full: bool) -> Json:
    rows = grid.measure(settings, stream_s, full=full)
    return {"grid": rows, "eight_against_one": grid.compute_face_ratio(rows)}


def _process(settings: Settings, seconds: float) -> Json:
    """Both processes: how long they take to start, their memory, and their CPU with somebody and with nobody."""
    somebody = processes.measure_load("somebody", seconds, settings)
    return {
        **processes.measure_start(settings),
        "rss_mb": somebody["rss_mb"],
        "process": {"somebody": somebody, "nobody": processes.measure_load("nobody", max(seconds / 2, 1.0), settings)},
    }


def _describe_runtime(perception: Perception) -> Json:
    name, version = runtime()
    network = perception.face_model.network
    crop = np.zeros(network.inputs[0].shape, np.float32)
    # The runtime does not say whether it uses XNNPACK; without it, a face takes ten times as long.
    p50_ms = timing.measure(partial(network.run, crop), 0.0).as_json()["p50_ms"]
    return {"name": name, "version": version, "xnnpack": bool(p50_ms < 20)}


def _select_parts(text: str | None, *, full: bool) -> list[str]:
    """The parts to measure, in order; streams only when named, or with --full. Raises MienError for an unknown one."""
    names = text.split(",") if text else [part for part in PARTS if full or part != "streams"]
    if unknown := [part for part in names if part not in PARTS]:
        raise MienError(f"--parts {text}: {unknown[0]!r} is not a part; allowed are {', '.join(PARTS)}")
    return [part for part in PARTS if part in names]


def _write_plot(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise MienError(f"--plot {path}: cannot be written ({error.strerror})") from error

"""`mien analyze`: pictures, sounds, videos and folders, offline."""

import argparse
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device.commands import CROP, Arguments, parse_path, switch
from device.errors import SettingsError
from device.perception.load import load_perception
from device.perception.offline.analyze import Options, analyze
from device.settings.load import load
from device.system.terminal import printable

_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif"}
    | {".jp2", ".pbm", ".pgm", ".ppm"}
    | {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".aif"}
    | {".mp4", ".m4v", ".mkv", ".webm", ".avi", ".mov", ".mpg", ".mpeg", ".ts", ".wmv", ".3gp"}
)

ARGUMENTS: Arguments = {
    "paths": {"nargs": "+", "type": parse_path, "metavar": "PATH"},
    "--json": switch("print one JSON object per file"),
    "--crop": CROP,
    "--senses": {"default": "face,voice", "help": "face, voice or face,voice (default)"},
}


def run(arguments: argparse.Namespace) -> int:
    """Print what was read in each file. Returns 1 when any file could not be read."""
    senses = set(arguments.senses.split(","))
    if not senses or senses - {"face", "voice"}:
        raise SettingsError(f"--senses {arguments.senses!r}: allowed are face, voice and face,voice")
    settings = load(arguments.settings)
    wanted = Options(arguments.crop, "face" in senses, "voice" in senses)
    perception = load_perception(settings)
    failed = False
    for path, problem in _find_files(arguments.paths):
        result = _error_result(path, problem) if problem else analyze(path, wanted, perception, settings)
        failed |= result["error"] is not None
        print(json.dumps(result) if arguments.json else _describe(result, wanted), flush=True)
    return int(failed)


def _find_files(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """(file, "") for each file that is named or lies in a named folder; (folder, problem) for an unreadable folder."""
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises in a closed folder
            yield from _search_folder(path)
        else:
            yield path, ""


def _search_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    """The pictures, sounds and videos in a folder and below it, found by suffix, in order of name."""
    unreadable: list[OSError] = []
    files = [Path(where, name) for where, _, names in os.walk(folder, onerror=unreadable.append) for name in names]
    found = sorted(path for path in files if path.suffix.lower() in _SUFFIXES and _is_file(path))
    yield from ((path, "") for path in found)
    for error in unreadable:
        yield Path(error.filename), f"{error.filename}: the folder cannot be read ({error.strerror})"
    if not found and not unreadable:
        problem = "no file with the suffix of a picture, sound or video; name a file to read it anyway"
        yield folder, f"{folder}: {problem if files else 'the folder is empty'}"


def _is_file(path: Path) -> bool:
    """Whether to try to read it: not a pipe or a dangling link, but also an unreadable file, to report it."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        return isinstance(error, PermissionError)


def _error_result(path: Path, problem: str) -> dict[str, Any]:
    """For a folder, the same object that `analyze` returns for a file that cannot be read."""
    empty: dict[str, Any] = {"path": str(path), "kind": None, "seconds": None, "faces": [], "voice": None, "mood": None}
    return empty | {"timeline": [], "error": problem}


def _describe(result: dict[str, Any], wanted: Options) -> str:
    if result["error"]:
        # Most errors begin with the path already.
        prefix = f"{result['path']}: "
        return printable(prefix + result["error"].removeprefix(prefix))
    lines = []
    for face in result["faces"]:
        x, y, width, height = (round(v) for v in face["box"])
        lines.append(f"  face at {x},{y} ({width}x{height} px): {_describe_top_two(face)}")
    if result["voice"]:
        lines.append(f"  voice ({result['voice']['speech_s']} s of speech): {_describe_top_two(result['voice'])}")
    mood = result["mood"]
    summary = f"{mood['emotion']} ({mood['confidence']:.0%})" if mood else "no face and no voice found"
    if mood is None and result["kind"] == "image" and wanted.face:
        summary += " (for a picture that is cropped to a face, use --crop)"
    lines += [
        f"  {entry['t_s']:7.1f} s  {entry['emotion']} ({entry['confidence']:.0%})" for entry in result["timeline"]
    ]
    return "\n".join([f"{printable(result['path'])}: {summary}", *lines])


def _describe_top_two(reading: dict[str, Any]) -> str:
    ranked = sorted(reading["probabilities"].items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in ranked[:2])

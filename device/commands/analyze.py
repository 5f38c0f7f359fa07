"""`mien analyze`: pictures, sounds, videos and folders, offline."""

import argparse
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device.errors import SettingsError
from device.perception.load import load_perception
from device.perception.offline.analyze import Wanted, analyze
from device.settings.load import load
from device.system.terminal import printable

_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".avif"}
    | {".jp2", ".pbm", ".pgm", ".ppm"}
    | {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac", ".aiff", ".aif"}
    | {".mp4", ".m4v", ".mkv", ".webm", ".avi", ".mov", ".mpg", ".mpeg", ".ts", ".wmv", ".3gp"}
)


def run(arguments: argparse.Namespace) -> int:
    """Print what is read in each file; exit status 1 when any could not be read."""
    senses = set(arguments.senses.split(","))
    if not senses or senses - {"face", "voice"}:
        raise SettingsError(f"--senses {arguments.senses!r}: allowed are face, voice and face,voice")
    settings = load(arguments.settings)
    wanted = Wanted(arguments.crop, "face" in senses, "voice" in senses)
    readers = load_perception(settings)
    failed = False
    for path, fault in _files(arguments.paths):
        result = _refused(path, fault) if fault else analyze(path, wanted, readers, settings)
        failed |= result["error"] is not None
        print(json.dumps(result) if arguments.json else _words(result, wanted), flush=True)
    return int(failed)


def _files(paths: list[Path]) -> Iterator[tuple[Path, str]]:
    """Files as they are named, and those of a folder; behind a folder that gives none, or not all, why."""
    for path in paths:
        if os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises where nobody may look
            yield from _in_folder(path)
        else:
            yield path, ""


def _in_folder(folder: Path) -> Iterator[tuple[Path, str]]:
    """What looks like a picture, sound or video, by its suffix, in order of name, in a folder and below it."""
    closed: list[OSError] = []
    below = [Path(where, name) for where, _, names in os.walk(folder, onerror=closed.append) for name in names]
    found = sorted(path for path in below if path.suffix.lower() in _SUFFIXES and _is_file(path))
    yield from ((path, "") for path in found)
    for error in closed:
        yield Path(error.filename), f"{error.filename}: a folder that cannot be read ({error.strerror})"
    if not found and not closed:
        what = "no picture, sound or video in it, by their suffixes; name a file itself" if below else "an empty folder"
        yield folder, f"{folder}: {what}"


def _is_file(path: Path) -> bool:
    """Whether it is worth a try: a pipe or a link to nowhere is not, a file that is not to be looked at is told."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except OSError as error:
        return isinstance(error, PermissionError)


def _refused(path: Path, fault: str) -> dict[str, Any]:
    """What `analyze` gives of a file that cannot be read, for a folder."""
    nothing: dict[str, Any] = {
        "path": str(path),
        "kind": None,
        "seconds": None,
        "faces": [],
        "voice": None,
        "mood": None,
    }
    return nothing | {"timeline": [], "error": fault}


def _words(result: dict[str, Any], wanted: Wanted) -> str:
    if result["error"]:
        # Most errors name their file; none is printed without its name.
        named = result["error"].startswith(f"{result['path']}: ")
        return printable(result["error"] if named else f"{result['path']}: {result['error']}")
    lines = []
    for face in result["faces"]:
        x, y, width, height = (round(v) for v in face["box"])
        lines.append(f"  face at {x},{y} ({width}x{height} px): {_likeliest(face)}")
    if result["voice"]:
        lines.append(f"  voice ({result['voice']['speech_s']} s of it): {_likeliest(result['voice'])}")
    mood = result["mood"]
    said = f"{mood['emotion']} ({mood['confidence']:.0%})" if mood else "nobody seen or heard"
    if mood is None and result["kind"] == "image" and wanted.face:
        said += " (--crop reads a picture that is a face already)"
    lines += [
        f"  {entry['t_s']:7.1f} s  {entry['emotion']} ({entry['confidence']:.0%})" for entry in result["timeline"]
    ]
    return "\n".join([f"{printable(result['path'])}: {said}", *lines])


def _likeliest(reading: dict[str, Any]) -> str:
    ranked = sorted(reading["probabilities"].items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in ranked[:2])

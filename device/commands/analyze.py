"""`mien analyze`: pictures, sounds, videos and folders, offline."""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from device.commands.plain import plain
from device.errors import SettingsError
from device.sense.analyze import Wanted, analyze
from device.sense.readers import readers_of
from device.settings import load

_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif"}
    | {".wav", ".flac", ".ogg", ".opus", ".mp3", ".m4a", ".aac"}
    | {".mp4", ".mkv", ".webm", ".avi", ".mov", ".mpg"}
)


def run(arguments: argparse.Namespace) -> int:
    """Print what is read in each file; exit status 1 when any could not be read."""
    senses = set(arguments.senses.split(","))
    if not senses or senses - {"face", "voice"}:
        raise SettingsError(f"--senses {arguments.senses!r}: allowed are face, voice and face,voice")
    settings = load(arguments.settings)
    wanted = Wanted(arguments.crop, "face" in senses, "voice" in senses)
    readers = readers_of(settings)
    failed = False
    for path in _files(arguments.paths):
        result = analyze(path, wanted, readers, settings)
        failed |= result["error"] is not None
        print(json.dumps(result) if arguments.json else _words(result, wanted), flush=True)
    return int(failed)


def _files(paths: list[Path]) -> Iterator[Path]:
    """Files as they are named; of a folder, what looks like a picture, sound or video, by name, and below it."""
    for path in paths:
        if path.is_dir():
            yield from (p for p in sorted(path.rglob("*")) if p.suffix.lower() in _SUFFIXES and p.is_file())
        else:
            yield path


def _words(result: dict[str, Any], wanted: Wanted) -> str:
    if result["error"]:
        return plain(f"{result['path']}: {result['error']}")
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
    return "\n".join([f"{plain(result['path'])}: {said}", *lines])


def _likeliest(reading: dict[str, Any]) -> str:
    ranked = sorted(reading["probabilities"].items(), key=lambda item: -item[1])
    return ", ".join(f"{name} {share:.0%}" for name, share in ranked[:2])

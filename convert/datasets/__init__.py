"""Readers, one corpus a file: each maps to the seven emotions and knows its official split and its speakers."""

from pathlib import Path

from device.errors import MediaError


def need(path: Path, corpus: str) -> Path:
    """`path`, or a MediaError that says which corpus is missing where."""
    if not path.exists():
        raise MediaError(f"{corpus}: {path} is missing; put the dataset there or name its folder with --data")
    return path

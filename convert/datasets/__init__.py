"""Readers, one file a corpus. Each maps labels to the seven emotions and keeps the official split and the speakers."""

from pathlib import Path

from device.errors import MediaError


def require_path(path: Path, corpus: str) -> Path:
    """Return `path`; raises MediaError, naming the corpus and the path, when it does not exist."""
    if not path.exists():
        raise MediaError(f"{corpus}: {path} is missing; put the dataset there or name its folder with --data")
    return path

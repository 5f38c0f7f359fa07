"""Small files that are kept: whole or not there, for their owner alone."""

import os
from pathlib import Path

import msgspec


def keep(path: Path, document: object) -> None:
    """Write `document` to `path` as JSON, on the disk before it returns. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    with partial.open("wb") as file:
        file.write(msgspec.json.encode(document))
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)

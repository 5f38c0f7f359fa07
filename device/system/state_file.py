"""Small files that are kept: whole or not there, for their owner alone."""

import os
import threading
from pathlib import Path

import msgspec

_one_at_a_time = threading.Lock()
"""What is not whole yet has one name, so that no power cut leaves more than one of it behind."""


def keep(path: Path, document: object) -> None:
    """Write `document` to `path` as JSON, on the disk before it returns. From any thread. Raises OSError."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with _one_at_a_time:
        partial.touch(mode=0o600)
        with partial.open("wb") as file:
            file.write(msgspec.json.encode(document))
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)

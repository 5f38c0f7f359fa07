"""The gallery's index, damaged or none at all: an error that says what to do."""

import json
import os
from pathlib import Path

import pytest

from device.errors import MediaError
from device.ipc.gallery_index import MAX_BYTES, GalleryView, read_index


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b'{"version": 2, "pictures": []}', b"[" * 100_000]
    + [
        json.dumps({"version": 1, "pictures": [{"name": name, "emotion": emotion, "confidence": share}]}).encode()
        for name, emotion, share in (
            ("../../etc/passwd", "sad", 0.5),
            ("0" * 32 + "\n", "sad", 0.5),
            ("0" * 32, "unknown", 0.5),
            ("0" * 32, "glad", 0.5),
            ("0" * 32, "sad", 1.5),
        )
    ],
)
def test_a_damaged_index_is_an_error_that_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "index.json"
    assert read_index(path, GalleryView) is None
    path.write_bytes(content)
    with pytest.raises(MediaError, match="index the folder again with: mien gallery FOLDER"):
        read_index(path, GalleryView)


def test_a_file_that_is_no_index_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    os.mkfifo(path)
    with pytest.raises(MediaError, match="remove it"):
        read_index(path, GalleryView)
    path.unlink()
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(MediaError, match="remove it"):
        read_index(path, GalleryView)

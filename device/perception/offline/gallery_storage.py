"""The gallery's folder: thumbnails under the hash of what they show, and their index. For their owner alone."""

import hashlib
import os
import re
from pathlib import Path
from typing import Self

import msgspec

from device.errors import MediaError
from device.ipc.gallery_index import Index, gallery_folder, picture_path, thumbnail
from device.system.locked_folder import Owner, hold

_OURS = re.compile(r"[0-9a-f]{32}\.(jpg|partial)|index\.partial")


class GalleryFolder:
    """Open for one writer, from `with` to its end. Every method raises MediaError where the disk refuses."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._folder = gallery_folder(state_dir)
        self._lock = -1
        self._owner: Owner | None = None

    def __enter__(self) -> Self:
        """Raises MediaError when another command is at it, or the folder is a link."""
        try:
            self._lock, self._owner = hold(self._state_dir, self._folder)
        except BlockingIOError as error:
            raise MediaError(f"{self._folder}: another mien gallery is at work there") from error
        except OSError as error:
            raise self._refused(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def put(self, jpeg: bytes) -> str:
        """Keep a thumbnail; its name."""
        name = hashlib.sha256(jpeg).hexdigest()[:32]
        self._write(self._folder / thumbnail(name), jpeg)
        return name

    def has(self, name: str) -> bool:
        """Whether a thumbnail is there, and not cut to nothing by a loss of power."""
        try:
            return (self._folder / thumbnail(name)).lstat().st_size > 0
        except OSError:
            return False

    def save(self, index: Index) -> None:
        """Whole or not at all, and on the disk before it returns: from then on hub shows it."""
        self._write(picture_path(self._state_dir), msgspec.json.encode(index), lasting=True)

    def prune(self, index: Index | None) -> int:
        """Delete the thumbnails that `index` does not name; without one, the index first and then all. How many."""
        kept = {thumbnail(picture.name) for picture in index.pictures} if index else set()
        try:
            if index is None:
                picture_path(self._state_dir).unlink(missing_ok=True)
            with os.scandir(self._lock) as entries:
                gone = [one.name for one in entries if _OURS.fullmatch(one.name) and one.name not in kept]
            for one in gone:
                os.unlink(one, dir_fd=self._lock)
        except OSError as error:
            raise self._refused(error) from error
        return sum(one.endswith(".jpg") for one in gone)

    def _write(self, path: Path, content: bytes, *, lasting: bool = False) -> None:
        partial = path.with_suffix(".partial")
        try:
            partial.unlink(missing_ok=True)
            # Never through a link: what is there is somebody's own file.
            file = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            with os.fdopen(file, "wb") as opened:
                if self._owner:
                    os.fchown(file, *self._owner)
                opened.write(content)
                if lasting:
                    opened.flush()
                    os.fsync(file)
            partial.replace(path)
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> MediaError:
        return MediaError(f"{self._folder}: the gallery cannot be kept there ({error.strerror or error})")

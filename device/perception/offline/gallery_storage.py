"""The gallery's folder: thumbnails, each named by the hash of its content, and their index."""

import hashlib
import os
import re
from pathlib import Path

import msgspec

from device.errors import MediaError
from device.ipc.gallery_index import Index, gallery_folder, index_path, thumbnail_name
from device.system.locked_folder import LockedFolder

_OWN_FILE = re.compile(r"[0-9a-f]{32}\.(jpg|partial)|index\.partial|\.([0-9a-f]{32}\.jpg|index\.json)\.partial")


class GalleryFolder(LockedFolder):
    """The folder of the gallery. Every method raises MediaError if the disk fails."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir, gallery_folder(state_dir), "mien gallery", MediaError)

    def put(self, jpeg: bytes) -> str:
        """Store a thumbnail. Returns its name."""
        name = hashlib.sha256(jpeg).hexdigest()[:32]
        with self._refusals():
            self._write(thumbnail_name(name), jpeg, sync=False)
        return name

    def has(self, name: str) -> bool:
        """Whether a thumbnail is there, and was not emptied by a power cut."""
        try:
            return (self._path / thumbnail_name(name)).lstat().st_size > 0
        except OSError:
            return False

    def save(self, index: Index) -> None:
        """Write the index, whole or not at all. It is on the disk when this returns, and hub shows it."""
        with self._refusals():
            self._write(index_path(self._state_dir).name, msgspec.json.encode(index))

    def prune(self, index: Index | None) -> int:
        """Delete thumbnails missing from `index`; if None, everything, index included. Returns the number deleted."""
        named = {thumbnail_name(picture.name) for picture in index.pictures} if index else set()
        with self._refusals():
            if index is None:
                index_path(self._state_dir).unlink(missing_ok=True)
            with os.scandir(self._descriptor) as entries:
                obsolete = [e.name for e in entries if _OWN_FILE.fullmatch(e.name) and e.name not in named]
            for name in obsolete:
                os.unlink(name, dir_fd=self._descriptor)
        return sum(name.endswith(".jpg") for name in obsolete)

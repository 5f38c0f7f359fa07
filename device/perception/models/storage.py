"""The folder of the installed pairs and their record: written so that a loss of power at any moment does no harm.

Each pair has a folder of its own, named by what is in it, and never changes; one record says which are in use, and is
replaced by one rename. Whatever happens, the old record or the new one is there, and every folder that it names.
"""

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import msgspec

from device.errors import ModelError
from device.perception.models.bundle import ModelBundle
from device.perception.models.registry import RECORD, Registry, installed_bundle, models_folder, state_home
from device.system.locked_folder import Owner, hold

_PARTIAL = "partial"


class ModelFolder:
    """Open for one writer, from `with` to its end. Every method raises ModelError where the disk refuses."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._path = models_folder(state_dir)
        self._folder = -1
        self._owner: Owner | None = None

    def __enter__(self) -> Self:
        """Raises ModelError when another command is at it, or the folder is a link."""
        try:
            self._folder, self._owner = hold(self._state_dir, self._path)
        except BlockingIOError as error:
            raise ModelError(f"{self._path}: another mien models is at work there") from error
        except OSError as error:
            raise self._refused(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder >= 0:
            os.close(self._folder)
            self._folder = -1

    def change(self, record: Registry, last: Registry, pairs: Sequence[ModelBundle] = ()) -> None:
        """The pairs first, then the record that names them, then away with what is named no more."""
        try:
            for pair in pairs:
                self._put(pair)
            self._save(record)
            self._prune(record, last)
        except OSError as error:
            raise self._refused(error) from error

    def has(self, pair: ModelBundle) -> bool:
        """Whether the pair is there, and whole."""
        try:
            installed_bundle(pair.name, pair.digest, self._state_dir)
        except ModelError:
            return False
        return True

    def _put(self, pair: ModelBundle) -> None:
        home = state_home(pair.name, pair.digest)
        if self.has(pair):
            return
        self._remove(_PARTIAL)
        os.mkdir(_PARTIAL, 0o700, dir_fd=self._folder)
        partial = os.open(_PARTIAL, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=self._folder)
        try:
            self._give(partial, 0o700)
            self._write(f"{pair.name}.tflite", pair.network, partial)
            self._write(f"{pair.name}.json", pair.card, partial)
            os.fsync(partial)
        finally:
            os.close(partial)
        self._remove(home)  # one of this name is damaged
        os.rename(_PARTIAL, home, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)

    def _save(self, record: Registry) -> None:
        self._remove(f"{RECORD}.{_PARTIAL}")
        self._write(f"{RECORD}.{_PARTIAL}", msgspec.json.encode(record), self._folder)
        os.rename(f"{RECORD}.{_PARTIAL}", RECORD, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        os.fsync(self._folder)

    def _write(self, name: str, content: bytes, folder: int) -> None:
        file = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=folder)
        with os.fdopen(file, "wb") as opened:
            self._give(file, 0o600)
            opened.write(content)
            opened.flush()
            os.fsync(file)

    def _give(self, file: int, mode: int) -> None:
        if self._owner:
            os.fchown(file, *self._owner)
        os.fchmod(file, mode)

    def _prune(self, record: Registry, last: Registry) -> None:
        """Delete what no record names. A `sense` that starts at this moment may have read the last one."""
        named = {
            state_home(name, one.digest)
            for each in (record, last)
            for name, slot in each.slots.items()
            for one in (slot.now, slot.before)
            if one is not None
        }
        with os.scandir(self._folder) as entries:
            gone = [one.name for one in entries if one.name not in named and one.name != RECORD]
        for one in gone:
            self._remove(one)

    def _remove(self, name: str) -> None:
        try:
            os.unlink(name, dir_fd=self._folder)
        except FileNotFoundError:
            pass
        except (IsADirectoryError, PermissionError):
            shutil.rmtree(name, dir_fd=self._folder)

    def _refused(self, error: OSError) -> ModelError:
        return ModelError(f"{self._path}: models cannot be kept there ({error.strerror or error})")

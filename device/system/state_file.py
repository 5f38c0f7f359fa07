"""Small files that outlive the process: written whole or not at all, and read with a type."""

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

_log = logging.getLogger(__name__)

MAX_BYTES = 1_048_576
"""A longer state file counts as damaged."""

_write_lock = threading.Lock()
"""All writers of a file share one partial name, so a power cut leaves at most one partial file behind."""

T = TypeVar("T")
D = TypeVar("D")


def atomic_write(
    path: Path,
    content: bytes,
    *,
    mode: int = 0o600,
    owner: tuple[int, int] | None = None,
    sync: bool = True,
    folder: int | None = None,
) -> None:
    """Write `content` to `path`, whole or not at all, and never through a link. From any thread. Raises OSError.

    `owner`: user and group, -1 for "leave as it is". `sync`: return only when the file and its name are on the disk.
    `folder`: a descriptor of the parent folder, if the caller already holds one; otherwise the parent folder is created
    with mode 0700 if it is missing.
    """
    with contextlib.ExitStack() as stack:
        if folder is None:
            make_folder(path.parent, sync=sync)
            folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            stack.callback(os.close, folder)
        stack.enter_context(_write_lock)
        partial = f".{path.name}.partial"
        with contextlib.suppress(FileNotFoundError):
            os.unlink(partial, dir_fd=folder)  # left by a power cut
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(partial, flags, 0o600, dir_fd=folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                if owner:
                    os.fchown(descriptor, *owner)
                os.fchmod(descriptor, mode)
                file.write(content)
                file.flush()
                if sync:
                    os.fsync(descriptor)
            os.replace(partial, path.name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            with contextlib.suppress(OSError):
                os.unlink(partial, dir_fd=folder)
            raise
        if sync:
            os.fsync(folder)


def make_folder(path: Path, *, sync: bool) -> None:
    """Create the folder and those above it. Their names are on the disk, too, before a file in them counts as kept."""
    # Not Path.exists, which raises below a folder that this user may not search.
    missing = [folder for folder in (path, *path.parents) if not os.path.exists(folder)]  # noqa: PTH110
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    for folder in missing if sync else ():
        with contextlib.suppress(PermissionError):  # a folder above ours may be closed to us
            sync_folder(folder.parent)


def sync_folder(path: Path) -> None:
    """Return when the names in this folder are on the disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class StateFile(Generic[T]):
    """One JSON document in the state folder, readable by its owner only."""

    def __init__(self, path: Path, kind: type[T], consequence: str, *, max_bytes: int = MAX_BYTES) -> None:
        """`kind`: the type that msgspec decodes it to. `consequence`: what happens if it is damaged, for the log."""
        self.path = path
        self._kind = kind
        self._consequence = consequence
        self._max_bytes = max_bytes

    def load(self, default: D, *, damaged: D | None = None) -> T | D:
        """The document; `default` if there is no file; `damaged`, or else `default`, if it cannot be used."""
        try:
            with self.path.open("rb") as file:
                raw = file.read(self._max_bytes + 1)
            if len(raw) > self._max_bytes:
                raise ValueError(f"longer than {self._max_bytes} bytes")
            return msgspec.json.decode(raw, type=self._kind)
        except FileNotFoundError:
            return default
        except (OSError, ValueError, RecursionError, msgspec.DecodeError) as error:
            self.warn(error)
            return default if damaged is None else damaged

    def warn(self, error: Exception) -> None:
        """Log why the file cannot be used, and the consequence."""
        _log.warning("%s: cannot be read (%s); %s", self.path, error, self._consequence)

    def save(self, document: T) -> None:
        """Write `document`; it is on the disk when this returns. From any thread. Raises OSError."""
        atomic_write(self.path, msgspec.json.encode(document))

    def remove(self) -> None:
        """Remove the file, if it is there; a power cut does not bring it back. From any thread. Raises OSError."""
        with _write_lock:
            try:
                self.path.unlink()
            except FileNotFoundError:
                return
            sync_folder(self.path.parent)

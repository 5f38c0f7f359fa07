"""A folder in the state folder with one writer at a time: locked, readable only by its owner, never a link."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from device.errors import MienError
from device.system.state_file import atomic_write


class LockedFolder:
    """Used in a `with` block, open for one writer. Every method raises `error` if the disk fails."""

    def __init__(self, state_dir: Path, folder: Path, command: str, error: type[MienError]) -> None:
        """`folder` lies in `state_dir`. `command` is the one that writes there, for messages."""
        self._state_dir = state_dir
        self._path = folder
        self._command = command
        self._error = error
        self._descriptor = -1
        self._owner: tuple[int, int] | None = None

    def __enter__(self) -> Self:
        """Create and lock the folder. Also raises `error` when another process has it open, or it is a link."""
        with self._refusals(), contextlib.ExitStack() as undo:
            self._state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._path.mkdir(mode=0o700, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            undo.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise self._error(f"{self._path}: another {self._command} is writing there") from error
            home = self._state_dir.stat()
            # Root may write for a service; its files then belong to the owner of the state folder.
            self._owner = (home.st_uid, home.st_gid) if os.geteuid() == 0 and home.st_uid != 0 else None
            self._own(descriptor)
            undo.pop_all()
            self._descriptor = descriptor
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _own(self, folder: int) -> None:
        """Give `folder`, a descriptor, to the owner of the state folder, readable by nobody else."""
        if self._owner:
            os.fchown(folder, *self._owner)
        os.fchmod(folder, 0o700)

    def _write(self, name: str, content: bytes, *, folder: int | None = None, sync: bool = True) -> None:
        """Write a file into the folder, or into `folder`, a descriptor, whole or not at all. Raises OSError."""
        folder = self._descriptor if folder is None else folder
        atomic_write(Path(name), content, owner=self._owner, folder=folder, sync=sync)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Raises `error`, naming the folder, for an OSError."""
        try:
            yield
        except OSError as error:
            raise self._error(f"{self._path}: cannot be written to ({error.strerror or error})") from error

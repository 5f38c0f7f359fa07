"""Paths as people write them in the settings, and checks of the folders they name."""

import os
from pathlib import Path

from device.errors import SettingsError


def expand(path: str) -> Path:
    """`path` with ~ expanded. Raises SettingsError if there is no such home folder."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        user = path.removeprefix("~").partition("/")[0]
        reason = f"there is no user {user} here" if user else "this user has no home folder"
        raise SettingsError(f"{path}: {reason}; write out the whole path") from error


def nearest_existing(path: Path) -> Path:
    """`path`, or the nearest folder above it that exists."""
    # Not Path.exists, which raises below a folder that this user may not search.
    return next(one for one in (path, *path.parents) if os.path.exists(one))  # noqa: PTH110


def check_folder(key: str, folder: Path) -> None:
    """Raises SettingsError, which names `key`, if `folder` can be neither written nor created. Creates nothing."""
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise SettingsError(f"{key}: {nearest} is not a folder; name another")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise SettingsError(f"{key}: this user may not write in {nearest}; name another folder, or give access to it")


FileStamp = tuple[int, ...]


def read_stamp(path: Path) -> FileStamp:
    """A value that changes whenever the file does; empty while there is no file."""
    try:
        status = path.stat()
    except OSError:
        return ()
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size

"""Paths as people write them in the settings, and folders that have to be of use."""

import os
from pathlib import Path

from device.errors import SettingsError


def expanded(path: str) -> Path:
    """`path` with its ~ written out. Raises SettingsError where that is nobody's home."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        name = path.removeprefix("~").partition("/")[0]
        whose = f"there is no user {name} here" if name else "this user has no home folder"
        raise SettingsError(f"{path}: {whose}; write the path out") from error


def try_folder(key: str, folder: Path) -> None:
    """Raises SettingsError, which names `key`, where `folder` is not to be written in, or made. It makes none."""
    nearest = folder
    while not os.path.lexists(nearest) and nearest != nearest.parent:
        nearest = nearest.parent
    if not nearest.is_dir():
        raise SettingsError(f"{key}: {nearest} is no folder; name another")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise SettingsError(f"{key}: this user may not write in {nearest}; name another folder, or let it")


Stamp = tuple[int, ...]


def stamp(path: Path) -> Stamp:
    """Changes with the file; empty while there is none."""
    try:
        seen = path.stat()
    except OSError:
        return ()
    return seen.st_dev, seen.st_ino, seen.st_mtime_ns, seen.st_size

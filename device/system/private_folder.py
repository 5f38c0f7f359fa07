"""Folders for sockets: no other user of this device may be able to put something else in their place."""

import errno
import os
import pwd
import stat
from pathlib import Path

from device.errors import SettingsError

_FIX = "set home.runtime_dir to a folder of your own"


def make_private_folder(folder: Path, *, is_shared: bool = False) -> None:
    """Make `folder` for this user alone, unless it is there; then check it as `check_private_folder` does.

    Raises OSError, SettingsError.
    """
    folder = folder.absolute()
    for path in (*reversed(folder.parents), folder):
        if not os.path.lexists(path):
            path.mkdir(mode=0o700, exist_ok=True)
    if not folder.is_dir():
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(folder))
    check_private_folder(folder, is_shared=is_shared)


def check_private_folder(folder: Path, *, is_shared: bool = False) -> None:
    """Raises SettingsError unless `folder` is this user's with mode 0700, and only this user and root can replace it.

    `is_shared`: the service manager made it for the users of two services, so its owner may be another one. Does
    nothing if there is no such folder. Raises OSError when the folder cannot be examined.
    """
    folder = folder.absolute()
    trusted = {0, os.geteuid(), *_unmapped_users()}
    # Through every link that stands in the path itself, then where it leads to.
    for path in dict.fromkeys((*reversed(folder.parents), folder, *_chain(folder.resolve()))):
        if not os.path.lexists(path):
            continue
        status = path.lstat()
        is_last = path in (folder, folder.resolve())
        if status.st_uid not in (trusted if not is_last else {0, os.geteuid()}) and not (is_last and is_shared):
            owner = _user_name(status.st_uid)
            raise SettingsError(f"{path}: belongs to {owner}, who could take the place of hub; remove it, or {_FIX}")
        if stat.S_ISLNK(status.st_mode):
            continue
        others = stat.S_IWOTH if is_last and is_shared else stat.S_IWGRP | stat.S_IWOTH
        # In a sticky folder such as /tmp, everybody may make new names, but replace only what is their own.
        if status.st_mode & others and (is_last or not status.st_mode & stat.S_ISVTX):
            raise SettingsError(f"{path}: other users may write there; chmod go-w {path}, or {_FIX}")
    if not is_shared and os.path.lexists(folder) and folder.stat().st_mode & 0o077:
        raise SettingsError(f"{folder}: other users may enter it; chmod 700 {folder}, or {_FIX}")


def _chain(folder: Path) -> tuple[Path, ...]:
    return (*reversed(folder.parents), folder)


def _unmapped_users() -> set[int]:
    """In a user namespace, the owner of what belongs to users outside it, such as root's own `/`; else none."""
    try:
        if Path("/proc/self/uid_map").read_text(encoding="ascii").split() == ["0", "0", "4294967295"]:
            return set()
        return {int(Path("/proc/sys/kernel/overflowuid").read_text(encoding="ascii"))}
    except (OSError, ValueError):
        return set()


def _user_name(user: int) -> str:
    try:
        return f"the user {pwd.getpwuid(user).pw_name}"
    except KeyError:
        return f"user {user}"

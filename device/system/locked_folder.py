"""A folder of the state, open for one writer: locked, for its owner alone, and never through a link."""

import contextlib
import fcntl
import os
from pathlib import Path

Owner = tuple[int, int]
"""User and group."""


def hold(state_dir: Path, folder: Path) -> tuple[int, Owner | None]:
    """(descriptor of `folder`, made where it is missing; whom what is written there is given to, None: who writes).

    The lock lasts until the descriptor is closed. Raises BlockingIOError when another process holds it, OSError when
    the disk refuses or `folder` is a link.
    """
    state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, held)
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        home = state_dir.stat()
        # Root may write for a service: what it writes is for whom the state's folder belongs to.
        owner = (home.st_uid, home.st_gid) if os.geteuid() == 0 and home.st_uid != 0 else None
        if owner:
            os.fchown(held, *owner)
        os.fchmod(held, 0o700)
        undo.pop_all()
    return held, owner

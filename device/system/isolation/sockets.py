"""The Unix sockets of other programs: which there are, and whether they can be reached."""

import contextlib
import errno
import os
import socket
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

_PLACES = ("/run", "/tmp", "/dev", "/var")  # noqa: S108 - searched, not used
_MAX_S = 0.3
"""For the search: without a view of its own, a process may find a million files there."""
_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET)


def list_bound_sockets() -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """(Paths, abstract names) of all Unix sockets that this process's network namespace knows."""
    paths, names = set(), set()
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/net/unix").read_text(errors="surrogateescape").splitlines()[1:]:
            name = line.split(maxsplit=7)[7:]
            if name and name[0].startswith("/"):
                paths.add(Path(name[0]))
            elif name and name[0].startswith("@"):
                names.add(name[0][1:])
    return tuple(sorted(paths)), tuple(sorted(names))


def list_sockets(own: Iterable[Path] = (), known: Iterable[Path] = ()) -> Iterator[Path]:
    """The sockets that this process can see where programs put them, and those `known`.

    Leaves out its `own` and those in its own folders.
    """
    mine = {path.resolve() for path in own}
    for path in known:
        if not mine & {path, *path.parents}:
            yield path
    end_s = time.monotonic() + _MAX_S
    folders = [Path(place) for place in _PLACES if not Path(place).is_symlink()]
    while folders and time.monotonic() < end_s:
        folder = folders.pop(0)
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_dir(follow_symlinks=False):
                    folders.extend([] if path in mine else [path])
                elif not entry.is_file() and path not in mine and path.is_socket():
                    yield path


def is_reachable(address: str) -> bool:
    """Whether a Unix socket takes a connection of any kind. It is closed at once, and nothing is sent."""
    for kind in _KINDS:
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, kind) as probe:
            probe.setblocking(False)
            code = probe.connect_ex(address)
            # Its queue is full: it is there.
            if code in (0, errno.EAGAIN, errno.EINPROGRESS):
                return True
    return False

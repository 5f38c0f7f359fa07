"""Builds the wall, as far as the kernel allows it, in the order in which one right is needed to give up the next."""

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from device.system.isolation.folders import PRIVATE_FOLDERS, View, hide_folders
from device.system.isolation.landlock import restrict_files
from device.system.isolation.network import (
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    drop_network,
    leave_namespaces,
)
from device.system.isolation.privileges import drop_capabilities, forbid_core_files
from device.system.isolation.proof import check_isolation
from device.system.isolation.report import Isolation
from device.system.isolation.seccomp import filter_system_calls
from device.system.isolation.sockets import list_bound_sockets


@dataclass(frozen=True)
class Needs:
    """What the process needs of the file system once it is enclosed."""

    sockets: tuple[Path, ...]
    """Sockets of other programs, or their folders: the hub's."""
    writable: tuple[Path, ...]
    """The state folder; it has to exist."""
    readable: tuple[Path, ...] = ()
    """Settings and media files."""


class Enclosure:
    """The wall around one process. First `enter`, then what needs a right still, then `seal`."""

    def __init__(self, needs: Needs) -> None:
        self._needs = needs
        self._known, self._abstract = list_bound_sockets()
        self._has_view = False
        self._failures: list[str] = []

    def enter(self) -> str:
        """Leave the network, and see no other program's files. Returns how, or why not, for a person.

        Call it before starting a thread.
        """
        _close_folders()
        try:
            means = leave_namespaces(CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWIPC)
        except OSError as error:
            self._failures.append(f"no view of files of its own ({os.strerror(error.errno or 0)})")
            return drop_network()
        own = self._own_sockets()
        hidden = tuple(path for path in self._known if not {path, *path.parents} & set(own))
        readable = (*self._needs.readable, *own, *_list_program(), Path("/run/udev"))
        failure = hide_folders(View(readable, self._needs.writable, hidden))
        self._has_view = not failure
        self._failures += [failure] if failure else []
        return means

    def seal(self, *, internet: bool) -> None:
        """Give up every right for good. `internet`: IPv4 sockets are still allowed, for the proxy of an IP camera."""
        folders = [*self._needs.writable, *self._private_folders()]
        steps = (
            forbid_core_files(),
            drop_capabilities(),
            restrict_files(folders, Path("/dev"), tcp=internet),
            filter_system_calls(internet=internet),
        )
        self._failures += [failure for failure in steps if failure]

    def prove(self, detail: str) -> Isolation:
        """Try every way out. `detail`: what isolates it, for a person; what failed is added if a way is open."""
        found = check_isolation(detail, self._own_sockets(), self._known, self._abstract, self._private_folders())
        if not found.enforced and self._failures:
            return msgspec.structs.replace(found, detail="; ".join((detail, *self._failures)))
        return found

    def _private_folders(self) -> tuple[Path, ...]:
        return PRIVATE_FOLDERS if self._has_view else ()

    def _own_sockets(self) -> tuple[Path, ...]:
        notify = os.environ.get("NOTIFY_SOCKET", "")
        mine = (*self._needs.sockets, *((Path(notify),) if notify.startswith("/") else ()))
        return tuple(path.resolve() for path in mine)


def _close_folders() -> None:
    """Close the folders that were left open for this process: they would lead past its own view of the files."""
    for name in list(Path("/proc/self/fd").iterdir()):
        with contextlib.suppress(OSError):
            if stat.S_ISDIR(os.fstat(int(name.name)).st_mode):
                os.close(int(name.name))


def _list_program() -> Iterator[Path]:
    """Where Python and Mien are installed: it may be a folder that is emptied."""
    yield from {Path(path) for path in (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path) if path}

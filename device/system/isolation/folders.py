"""A view of the file system of one's own: no sockets, no disks, and nothing but the state can be written.

It needs a mount namespace (`drop_network(more=CLONE_NEWNS)`), in which this process may mount.
"""

import contextlib
import ctypes
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from device.system.isolation.libc import call, syscall

_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_BIND, _MS_REC, _MS_PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000
_MOUNT_SETATTR = 442
_MOUNT_ATTR_RDONLY = 0x1
_AT_FDCWD, _AT_RECURSIVE = -100, 0x8000
_EMPTIED = ("/run", "/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - they are hidden, not used
"""Where programs put their sockets, and the memory that they share."""
PRIVATE_FOLDERS = (Path("/tmp"), Path("/var/tmp"), Path("/dev/shm"))  # noqa: S108 - hidden, too
"""Of those, the ones that a process finds empty and its own."""
_HARMLESS_DEVICES = ("null", "zero", "full", "random", "urandom")
_SENSORS = ("video", "media", "v4l", "snd", "dri", "dma_heap", "vchiq", "vcsm", "nvhost", "nvmap", "nvidia", "capture-")
"""How the names of cameras, microphones and graphics begin in /dev, on a Raspberry Pi and on a Jetson, too."""
_NULL = "/dev/null"


@dataclass(frozen=True)
class View:
    """What stays visible where everything else is hidden."""

    readable: tuple[Path, ...] = ()
    """Files and folders, even in a folder that is emptied."""
    writable: tuple[Path, ...] = ()
    """Folders."""
    hidden: tuple[Path, ...] = ()
    """Sockets of other programs outside of the folders that are emptied anyway."""


class _Attributes(ctypes.Structure):
    """struct mount_attr of mount_setattr(2)."""

    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace"))


def hide_folders(view: View) -> str:
    """Hide everything but `view`, for good. Returns what failed, for a person; empty if nothing did."""
    try:
        _mount("none", "/", _MS_REC | _MS_PRIVATE)
        here = Path.cwd()
        _empty_folders([*view.readable, *view.writable])
        for path in view.hidden:
            with contextlib.suppress(OSError):  # it is gone or cannot be reached anyway; the proof tells
                _mount(_NULL, path, _MS_BIND)
        _hide_devices()
        for folder in view.writable:
            _mount(folder, folder, _MS_BIND | _MS_REC)
        _set_read_only(Path("/"), recursive=True)
        for folder in (*view.writable, *PRIVATE_FOLDERS):
            if folder.is_dir():
                _set_read_only(folder, on=False)
    except OSError as error:
        return f"folders stay visible ({error})"
    # The folder in which the process was started may be one of those that were emptied: leave it.
    with contextlib.suppress(OSError):
        os.chdir("/")
        os.chdir(here)
    return ""


def _mount(source: str | Path, target: str | Path, flags: int, kind: str | None = None, options: str = "") -> None:
    words = [None if word is None else os.fsencode(word) for word in (source, target, kind)]
    call("mount", *words, flags, options.encode())


def _set_read_only(path: Path, *, on: bool = True, recursive: bool = False) -> None:
    bits = _MOUNT_ATTR_RDONLY
    attributes = _Attributes(set=bits if on else 0, clear=0 if on else bits)
    flags = _AT_RECURSIVE if recursive else 0
    syscall(_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(path), flags, attributes, ctypes.sizeof(attributes))


def _empty_folders(visible: Iterable[Path]) -> None:
    """Mount an empty folder over each of _EMPTIED, in which only what is `visible` can be seen."""
    for name in _EMPTIED:
        folder = Path(name)
        if not folder.is_dir() or folder.is_symlink():
            continue
        inside = [path.resolve() for path in visible if path.resolve().is_relative_to(folder) and path.exists()]
        # The descriptors lead to what the new mount hides.
        with contextlib.ExitStack() as stack:
            opened = []
            for path in _outermost(path for path in inside if path != folder):
                descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
                stack.callback(os.close, descriptor)
                opened.append((path, descriptor))
            mode = "1777" if folder in PRIVATE_FOLDERS else "755"
            flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
            _mount("mien", folder, flags, "tmpfs", f"mode={mode},size=16m")
            for path, descriptor in opened:
                if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                    path.mkdir(parents=True)
                else:
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
                _mount(f"/proc/self/fd/{descriptor}", path, _MS_BIND | _MS_REC)


def _outermost(paths: Iterable[Path]) -> list[Path]:
    """`paths` without those that lie in another of them."""
    found: list[Path] = []
    for path in sorted(set(paths)):
        if not any(path.is_relative_to(outer) for outer in found):
            found.append(path)
    return found


def _hide_devices() -> None:
    """Hide every device but those of cameras, sound and graphics: disks, memory, keyboards, modems, terminals, USB.

    A folder is hidden as a whole, so that what is plugged in later does not appear in it either.
    """
    for entry in os.scandir("/dev"):
        if entry.name.startswith(_SENSORS) or entry.name in (*_HARMLESS_DEVICES, "shm") or entry.is_symlink():
            continue
        with contextlib.suppress(OSError):  # it is gone, or hidden already; the proof tells
            if entry.is_dir(follow_symlinks=False):
                _mount("mien", entry.path, _MS_NOSUID | _MS_NODEV | _MS_NOEXEC, "tmpfs", "mode=755,size=4k")
            elif not entry.is_file(follow_symlinks=False):
                _mount(_NULL, entry.path, _MS_BIND)

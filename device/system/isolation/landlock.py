"""Landlock: no writing but in the state folder, no TCP, no abstract socket of others. It needs no right at all.

It holds where the kernel refuses user namespaces, and beside them where it allows them. It does not know Unix sockets
that are files.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from device.system.isolation.libc import call, syscall

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_WRITE_FILE = 1 << 1
# WRITE_FILE, REMOVE_DIR, REMOVE_FILE, and MAKE_ of a char device, folder, file, socket, FIFO, block device and link.
_WRITE = _WRITE_FILE | sum(1 << bit for bit in range(4, 13))
_NODES = 1 << 6 | 1 << 11
"""MAKE_CHAR and MAKE_BLOCK: never allowed."""
_REFER, _TRUNCATE = 1 << 13, 1 << 14
_TCP = 0b11
_ABSTRACT_SOCKETS = 1
_PR_SET_NO_NEW_PRIVS = 38


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def restrict_files(folders: Iterable[Path], devices: Path, *, tcp: bool) -> str:
    """Forbid for good what this kernel's Landlock can. Returns what failed, for a person; empty if nothing did.

    `folders`: where files may be made and written. `devices`: where they may only be opened. `tcp`: allow TCP, for the
    proxy of an IP camera in an empty network.
    """
    try:
        version = syscall(_CREATE_RULESET, None, 0, _ASK_VERSION)
    except OSError as error:
        return f"no Landlock ({error.strerror})"
    files = _WRITE | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    ruleset = _Ruleset(files, 0 if tcp or version < 4 else _TCP, _ABSTRACT_SOCKETS if version >= 6 else 0)
    size = 24 if version >= 6 else 16 if version >= 4 else 8
    try:
        rules = syscall(_CREATE_RULESET, ruleset, size, 0)
        try:
            for folder in folders:
                with contextlib.suppress(OSError):  # what it cannot reach, it cannot write
                    _allow(rules, folder, files & ~_NODES)
            _allow(rules, devices, files & (_WRITE_FILE | _TRUNCATE))
            call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            syscall(_RESTRICT_SELF, rules, 0)
        finally:
            os.close(rules)
    except OSError as error:
        return f"no Landlock ({error.strerror})"
    return ""


def _allow(rules: int, path: Path, rights: int) -> None:
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        syscall(_ADD_RULE, rules, _PATH_BENEATH, _PathBeneath(rights, descriptor), 0)
    finally:
        os.close(descriptor)

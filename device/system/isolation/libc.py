"""System calls that Python does not have, by the C library. Each raises OSError with its number."""

import ctypes
import os

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long

Argument = int | bytes | None | ctypes.Array[ctypes.c_char] | ctypes.Structure


def call(name: str, *arguments: Argument) -> int:
    """Call a function of the C library, such as `unshare`, that returns -1 and sets errno when it fails."""
    return _check(getattr(_libc, name)(*map(_convert, arguments)), name)


def syscall(number: int, *arguments: Argument) -> int:
    """A system call that the C library has no function for. The numbers above 424 are the same on every processor."""
    return _check(_libc.syscall(ctypes.c_long(number), *map(_convert, arguments)), f"system call {number}")


def _convert(argument: Argument) -> object:
    if isinstance(argument, int):
        return ctypes.c_long(argument)
    return ctypes.byref(argument) if isinstance(argument, ctypes.Structure) else argument


def _check(result: int, name: str) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
    return result

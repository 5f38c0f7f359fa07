"""Thread names for the system, for `top -H` and /proc. Python passes them to the system only from 3.14 on."""

import ctypes

_PR_SET_NAME = 15


def name_this_thread(name: str) -> None:
    """Name the running thread; the kernel keeps 15 bytes. Does nothing outside Linux."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)

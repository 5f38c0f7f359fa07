"""Thread names for the system, so that `top -H` and /proc tell the camera's thread from the face reader's.

Python passes a thread's name to the system only from 3.14 on.
"""

import ctypes

_PR_SET_NAME = 15
_MAX_BYTES = 15


def name_this_thread(name: str) -> None:
    """Name the running thread; the kernel keeps 15 bytes. Does nothing outside Linux."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "prctl"):
        libc.prctl(_PR_SET_NAME, name.encode()[:_MAX_BYTES], 0, 0, 0)

"""Rights that `sense` gives up for good: capabilities, core files, and being looked into by another process."""

import ctypes
import resource

from device.system.isolation.libc import call

PR_GET_DUMPABLE, _PR_SET_DUMPABLE = 3, 4
_PR_CAPBSET_DROP = 24
_PR_SET_NO_NEW_PRIVS = 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Sets(ctypes.Structure):
    # Effective, permitted, inheritable; then the same for capabilities 32 and over.
    _fields_ = (("words", ctypes.c_uint32 * 6),)


def drop_capabilities() -> str:
    """Permanently drop every capability, so that not even root gets one back. Returns what failed, for a person."""
    try:
        # A program with the setuid bit cannot give them back either.
        call("prctl", _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        for capability in range(64):
            try:
                call("prctl", _PR_CAPBSET_DROP, capability, 0, 0, 0)
            except OSError:  # an ordinary user may not, and has none; or the kernel knows no more of them
                break
        call("prctl", _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
        call("capset", _Header(_CAPABILITY_VERSION_3, 0), _Sets())
    except OSError as error:
        return f"capabilities stay ({error.strerror})"
    return ""


def forbid_core_files() -> str:
    """Write no core file, and let no other process of this user read the memory. Returns what failed, for a person."""
    try:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        call("prctl", _PR_SET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, ValueError) as error:
        return f"core files stay possible ({error})"
    return ""

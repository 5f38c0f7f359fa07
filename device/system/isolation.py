"""Network isolation of `sense`: the process drops its network, and checks that none is left.

Under systemd the unit's PrivateNetwork does this. Elsewhere `sense` moves itself into an empty network namespace, if
the kernel allows it. Unix sockets, such as the one to `hub`, still work, because they are files.
"""

import ctypes
import errno
import fcntl
import os
import socket
import struct
from pathlib import Path

import msgspec


class Isolation(msgspec.Struct, frozen=True):
    """What `sense` found when it tested its own isolation."""

    enforced: bool
    """True if it could reach nothing and saw no interface except loopback."""
    interfaces: tuple[str, ...]
    refused: str
    """The error of a connection to the test network 192.0.2.0/24, or `connected`."""
    detail: str
    """For a person: what isolates it, or why nothing does."""


_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
# NET_ADMIN, NET_RAW, SYS_MODULE, SYS_CHROOT, SYS_PTRACE, SYS_ADMIN: without them there is no way back to a network.
_ESCAPE_CAPABILITIES = (12, 13, 16, 18, 19, 21)
# RFC 5737: no network routes this address, so nobody is disturbed if the isolation fails.
_TEST_ADDRESS = ("192.0.2.1", 9)
# Any other error, such as too many open files, is a failed attempt and proves nothing.
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES}


def drop_network() -> str:
    """Cut the process off from every network, permanently. Returns how it is isolated, or why it is not, for a person.

    Call it before starting a thread: the kernel gives a new user namespace only to a single-threaded process.
    """
    already_isolated = _list_interfaces() in ((), ("lo",))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) == 0:
        return "own empty network namespace"
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
        if already_isolated:
            return "the service manager gave no network"
        reason = os.strerror(ctypes.get_errno())
        return f"the kernel refused a network namespace ({reason}); systemd's unit takes the network away"
    # Map the user to itself; without the map, every file would seem to belong to nobody.
    means = "own empty network namespace, in a user namespace"
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError as error:
        # Ubuntu's AppArmor allows the namespace but not its map. The isolation works; file owners look wrong.
        means += f" without a map of users ({error.strerror})"
    return means


def drop_capabilities() -> None:
    """Permanently drop the capabilities that would let root enter another namespace again."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same for capabilities 32 and over
    if libc.capget(header, sets) != 0:
        return  # this kernel has no capabilities
    for capability in _ESCAPE_CAPABILITIES:
        for kind in range(3):
            sets[kind] &= ~(1 << capability)
    libc.capset(header, sets)
    # A program with the setuid bit cannot give them back either.
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def raise_loopback() -> None:
    """Bring up `lo` in the namespace that `drop_network` created, for the camera proxy. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))


def check_isolation(detail: str) -> Isolation:
    """Test the isolation from inside: list the interfaces, and try a connection."""
    interfaces = _list_interfaces()
    code = _try_connection()
    enforced = set(interfaces) <= {"lo"} and code in _UNREACHABLE
    return Isolation(enforced, interfaces, os.strerror(code) if code else "connected", detail)


def _list_interfaces() -> tuple[str, ...]:
    try:
        return tuple(name for _, name in socket.if_nameindex())
    except OSError:
        # systemd's RestrictAddressFamilies=AF_UNIX forbids even listing them.
        return ()


def _try_connection() -> int:
    """The error number of a connection to the test address; 0 if it was made, or is still in progress."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            code = connection.connect_ex(_TEST_ADDRESS)
    except OSError as error:
        code = error.errno or errno.EIO
    return 0 if code == errno.EINPROGRESS else code

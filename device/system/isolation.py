"""The walls of `sense`: no network but its own empty one, and the proof of it.

Under systemd the unit's PrivateNetwork does this; anywhere else `sense` moves itself into an empty network
namespace where the kernel allows it. Unix sockets, the door among them, go through: they are files.
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
    """What `sense` found when it tried its own walls."""

    enforced: bool
    """True when it could reach nothing and saw no interface but loopback."""
    interfaces: tuple[str, ...]
    refused: str
    """The error of a connection tried to an address of the test network 192.0.2.0/24, or `connected`."""
    detail: str
    """For a person: by what means, or why not."""


_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION_3 = 0x20080522
# NET_ADMIN, NET_RAW, SYS_MODULE, SYS_CHROOT, SYS_PTRACE, SYS_ADMIN: what a way back over the wall would take.
_POWERS = (12, 13, 16, 18, 19, 21)
# RFC 5737: an address that no network routes, so that nobody is bothered should the wall be missing.
_NOWHERE = ("192.0.2.1", 9)


def drop_network() -> str:
    """Leave every network for good. Returns by what means, or why it could not, for a person to read.

    To be called before any thread runs: the kernel allows a new user namespace to single-threaded processes only.
    """
    alone = _interfaces() in ((), ("lo",))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET) == 0:
        means = "own empty network namespace"
    else:
        uid, gid = os.getuid(), os.getgid()
        if libc.unshare(_CLONE_NEWUSER | _CLONE_NEWNET) != 0:
            if alone:
                return "the service manager gave no network"
            reason = os.strerror(ctypes.get_errno())
            return f"the kernel refused a network namespace ({reason}); systemd's unit takes the network away"
        # The same user inside as outside; without a map every file would seem to belong to nobody.
        means = "own empty network namespace, in a user namespace"
        try:
            Path("/proc/self/setgroups").write_text("deny")
            Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
            Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
        except OSError as error:
            # Ubuntu's AppArmor lets a namespace begin and forbids its map; the wall stands, files may look foreign.
            means += f" without a map of users ({error.strerror})"
    return means


def drop_capabilities() -> None:
    """Lose for good the capabilities that a process of root's would need to enter another namespace again."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; then the same for capabilities 32 and over
    if libc.capget(header, sets) != 0:
        return  # not a Linux that knows them: then there are none to lose
    for power in _POWERS:
        for kind in range(3):
            sets[kind] &= ~(1 << power)
    libc.capset(header, sets)
    # Nor can a program with the setuid bit give them back.
    libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def raise_loopback() -> None:
    """Bring up `lo` in the namespace that `drop_network` made: the camera's window needs it. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))


def check_isolation(detail: str) -> Isolation:
    """Try the walls from inside: which interfaces are there, and what becomes of a connection."""
    interfaces = _interfaces()
    code = _attempt()
    enforced = set(interfaces) <= {"lo"} and code in _WALLS
    return Isolation(enforced, interfaces, os.strerror(code) if code else "connected", detail)


# Any other error (out of descriptors, say) is no wall, only a failed try.
_WALLS = frozenset(
    {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES}
)


def _interfaces() -> tuple[str, ...]:
    try:
        return tuple(name for _, name in socket.if_nameindex())
    except OSError:
        # systemd's RestrictAddressFamilies=AF_UNIX refuses even the question.
        return ()


def _attempt() -> int:
    """The error number of a connection to nowhere; 0 when it was made, or is still being tried."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setblocking(False)
            code = probe.connect_ex(_NOWHERE)
    except OSError as error:
        code = error.errno or errno.EIO
    return 0 if code == errno.EINPROGRESS else code

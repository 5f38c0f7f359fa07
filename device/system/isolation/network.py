"""No network: an empty network namespace of one's own, and a view of the file system that can be changed in it.

Unix sockets, such as the one to `hub`, still work there, because they are files.
"""

import contextlib
import fcntl
import os
import socket
import struct
from pathlib import Path

from device.system.isolation.libc import call

CLONE_NEWNS = 0x00020000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWNET = 0x40000000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1


def drop_network() -> str:
    """Cut the process off from every network, permanently. Returns how it is isolated, or why it is not, for a person.

    Call it before starting a thread: the kernel gives a new user namespace only to a single-threaded process.
    """
    already_isolated = list_interfaces() in ((), ("lo",))
    try:
        return leave_namespaces(CLONE_NEWNET)
    except OSError as error:
        if already_isolated:
            return "the service manager gave no network"
        reason = os.strerror(error.errno or 0)
        return f"the kernel refused a network namespace ({reason}); systemd's unit takes the network away"


def leave_namespaces(flags: int) -> str:
    """Get empty namespaces for all of `flags`, among them the network's, in a user namespace if there is no other way.

    Returns how, for a person. Raises OSError if the kernel refuses one of them; then nothing has changed.
    """
    means = "own empty network namespace"
    try:
        call("unshare", flags)
    except OSError:
        uid, gid = os.getuid(), os.getgid()
        call("unshare", flags | CLONE_NEWUSER)
        means += ", in a user namespace" + _map_user(uid, gid)
    return means


def _map_user(uid: int, gid: int) -> str:
    """Map the user to itself; without the map, every file would seem to belong to nobody. Returns what failed."""
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
        Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")
    except OSError as error:
        # Ubuntu's AppArmor allows the namespace but not its map. The isolation works; file owners look wrong.
        return f" without a map of users ({error.strerror})"
    return ""


def raise_loopback() -> None:
    """Bring up `lo` in the namespace that `drop_network` created, for the camera proxy. Raises OSError."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh", b"lo", 0)
        flags = struct.unpack("16sh", fcntl.ioctl(control, _SIOCGIFFLAGS, request))[1]
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh", b"lo", flags | _IFF_UP))


def list_interfaces() -> tuple[str, ...]:
    """The network interfaces that this process sees; none if it may not even list them."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/net/dev").read_text().splitlines()[2:]
        return tuple(line.partition(":")[0].strip() for line in lines)
    with contextlib.suppress(OSError):
        return tuple(name for _, name in socket.if_nameindex())
    return ()


def may_connect() -> bool:
    """Whether this process may make IPv4 sockets at all; systemd's unit of `sense` forbids it."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM).close()
    except OSError:
        return False
    return True

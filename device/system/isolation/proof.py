"""The proof: every way out that an attack has used is tried, from inside the living process. It changes nothing.

What it says is what was found, whoever built the wall: systemd's unit or this process itself.
"""

import contextlib
import errno
import logging
import os
import resource
import socket
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from device.system.isolation.libc import call, syscall
from device.system.isolation.network import CLONE_NEWNET, CLONE_NEWUSER, list_interfaces
from device.system.isolation.privileges import PR_GET_DUMPABLE
from device.system.isolation.report import Gap, Isolation
from device.system.isolation.sockets import is_reachable, list_sockets

_log = logging.getLogger(__name__)

# RFC 5737: no network routes this address, so nobody is disturbed if the isolation fails.
_TEST_ADDRESS = ("192.0.2.1", 9)
# Any other error, such as too many open files, is a failed attempt and proves nothing.
_UNREACHABLE = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EAFNOSUPPORT, errno.EPERM, errno.EACCES}
_DATAGRAM_ADDRESSES = (
    (socket.AF_INET, ("192.0.2.1", 9)),
    (socket.AF_INET, ("224.0.0.251", 5353)),
    (socket.AF_INET6, ("2001:db8::1", 9)),
)
_LOCAL_FAMILIES = {socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK}
"""The network's are tested by addresses; netlink talks to the kernel, about the own, empty network."""
_FAMILIES = range(1, 46)
_KINDS = (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET)
_ILLEGAL_FLAG = 0x2000
"""CLONE_PTRACE, which unshare(2) refuses: the kernel answers EINVAL and does nothing, a filter answers before it."""
_PIDFD_OPEN, _PIDFD_GETFD = 434, 438
_FOLDERS_OF_PROGRAMS = ("~", "~/.config", "/etc", "/etc/cron.d", "/etc/systemd/system", "/usr/local/bin", "/opt")


def check_isolation(
    detail: str,
    own: Iterable[Path] = (),
    known: Iterable[Path] = (),
    abstract: Iterable[str] = (),
    private: Iterable[Path] = (),
) -> Isolation:
    """Try every way out, and log what is open, with the names that the result leaves out.

    `own`: the sockets that it needs, or their folders. `known`, `abstract`: paths and names of sockets that there were
    before the process was enclosed. `private`: folders that no other process sees.
    """
    interfaces = list_interfaces()
    refused = _try_connection()
    own, known, private = tuple(own), tuple(known), tuple(private)
    attempts: dict[Gap, Callable[[], Iterable[object]]] = {
        Gap.NETWORK: lambda: _find_network(interfaces, refused),
        Gap.SOCKETS: lambda: [path for path in list_sockets(own, known) if is_reachable(str(path))],
        Gap.ABSTRACT_SOCKETS: lambda: [name for name in abstract if is_reachable("\0" + name)],
        Gap.FAMILIES: _find_families,
        Gap.NAMESPACES: _find_namespaces,
        Gap.DEVICE_NODES: _find_device_nodes,
        Gap.OTHER_PROCESSES: _find_processes,
        Gap.FILES: lambda: [f for f in _find_writable_folders() if not {f, *f.parents} & set(private)],
        Gap.CAPABILITIES: _find_capabilities,
        Gap.CORE_FILES: _find_core_files,
    }
    gaps = []
    for gap, attempt in attempts.items():
        try:
            found = list(attempt())
        except OSError as error:  # what could not be tried is not proved
            found = [error]
        if found:
            _log.warning("isolation: %s: %s", gap, ", ".join(map(str, found[:8])))
            gaps.append(gap)
    text = os.strerror(refused) if refused else "connected"
    return Isolation(not gaps, interfaces[:16], text, detail, tuple(gaps))


def _find_network(interfaces: tuple[str, ...], refused: int) -> list[str]:
    found = [name for name in interfaces if name != "lo"]
    if refused not in _UNREACHABLE:
        found.append(f"TCP {os.strerror(refused) if refused else 'connected'}")
    for family, address in _DATAGRAM_ADDRESSES:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(address)  # looks for a way to it, and sends nothing
        except OSError as error:
            if error.errno in _UNREACHABLE | {errno.EADDRNOTAVAIL}:
                continue
        found.append(f"UDP {address[0]}")
    return found


def _try_connection() -> int:
    """The error number of a connection to the test address; 0 if it was made, or is still in progress."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as connection:
            connection.setblocking(False)
            code = connection.connect_ex(_TEST_ADDRESS)
    except OSError as error:
        code = error.errno or errno.EIO
    return 0 if code == errno.EINPROGRESS else code


def _find_families() -> list[str]:
    found = []
    for family in _FAMILIES:
        if family in _LOCAL_FAMILIES:
            continue
        for kind in _KINDS:
            try:
                socket.socket(family, kind).close()
            except OSError:
                continue
            found.append(f"family {family}")
            break
    return found


def _find_namespaces() -> list[str]:
    found = []
    for name, flag in (("user", CLONE_NEWUSER), ("network", CLONE_NEWNET)):
        try:
            call("unshare", flag | _ILLEGAL_FLAG)
        except OSError as error:
            if error.errno == errno.EINVAL and _can_unshare(flag):
                found.append(f"new {name} namespace")
    return found


def _can_unshare(flag: int) -> bool:
    """Whether a child process gets a new namespace."""
    child = os.fork()
    if child == 0:
        try:
            call("unshare", flag)
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def _find_device_nodes() -> list[str]:
    found = []
    for folder in ("/tmp", "/dev/shm", str(Path.cwd())):  # noqa: S108 - the node is removed at once
        path = Path(folder) / f".mien-{os.getpid()}"
        try:
            os.mknod(path, 0o600 | 0o020000, os.makedev(1, 3))
        except OSError:
            continue
        path.unlink()
        found.append(f"mknod in {folder}")
    return [*found, *(str(path) for path in _list_raw_devices() if _opens(path))]


def _list_raw_devices() -> Iterator[Path]:
    """Disks, the machine's memory, its log and its keyboard; what is covered by /dev/null is none of them."""
    for entry in os.scandir("/dev"):
        with contextlib.suppress(OSError):
            if stat.S_ISBLK(entry.stat().st_mode):
                yield Path(entry.path)
    for name in ("mem", "kmsg", "uinput"):
        with contextlib.suppress(OSError):
            if (path := Path("/dev") / name).stat().st_rdev != os.makedev(1, 3):
                yield path


def _opens(path: Path) -> bool:
    try:
        os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def _find_processes() -> list[str]:
    parent = os.getppid()
    if not parent:  # it lies outside of this process's own view
        return []
    found = ["memory of the parent"] if _opens(Path(f"/proc/{parent}/mem")) else []
    with contextlib.suppress(OSError):
        descriptor = syscall(_PIDFD_OPEN, parent, 0)
        try:
            os.close(syscall(_PIDFD_GETFD, descriptor, 0, 0))
            found.append("files of the parent")
        finally:
            os.close(descriptor)
    return found


def _find_writable_folders() -> list[Path]:
    found = []
    for name in _FOLDERS_OF_PROGRAMS:
        try:
            folder = Path(name).expanduser()
            os.close(os.open(folder, os.O_TMPFILE | os.O_WRONLY | os.O_CLOEXEC, 0o600))
        except RuntimeError:  # a service's user has no home
            continue
        except OSError as error:
            # Not every file system has files without a name.
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR) or not os.access(folder, os.W_OK):
                continue
        found.append(folder)
    return found


def _find_capabilities() -> list[str]:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return []
    sets = dict(line.split(":\t") for line in lines if line.startswith("Cap"))
    return [f"{name} {sets[name]}" for name in ("CapPrm", "CapEff") if int(sets.get(name, "0"), 16)]


def _find_core_files() -> list[str]:
    found = ["core files"] if resource.getrlimit(resource.RLIMIT_CORE)[1] else []
    return [*found, "dumpable"] if call("prctl", PR_GET_DUMPABLE, 0, 0, 0, 0) else found

"""A filter of system calls, by libseccomp, which knows their numbers on every processor. Every systemd needs it."""

import ctypes
import errno
import socket
import stat

_ALLOW = 0x7FFF0000
_EQUAL, _GREATER, _MASKED_EQUAL = 4, 6, 7
_NAMESPACES = (0x80, 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000)
"""CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""They type into the terminal in which Mien was started."""
_FORBIDDEN = (
    # Namespaces and mounts: no way back to what was given up.
    *("unshare", "setns", "mount", "umount", "umount2", "pivot_root", "chroot", "move_mount", "open_tree", "fsopen"),
    *("fsmount", "fsconfig", "fspick", "mount_setattr", "open_tree_attr"),
    # Other processes.
    *("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp", "perf_event_open"),
    # io_uring opens sockets past this filter; a handle opens files past the view of the file system.
    *("io_uring_setup", "io_uring_enter", "io_uring_register", "open_by_handle_at", "name_to_handle_at"),
    # What only an attack on the kernel would call.
    *("bpf", "userfaultfd", "add_key", "request_key", "keyctl", "fanotify_init", "personality", "quotactl"),
    *("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "swapon", "swapoff"),
    *("acct", "reboot", "syslog", "iopl", "ioperm", "modify_ldt", "vhangup", "lookup_dcookie", "uselib"),
)


class _Comparison(ctypes.Structure):
    _fields_ = (("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def filter_system_calls(*, internet: bool) -> str:
    """Refuse whatever leads out, for good. Returns what failed, for a person; empty if nothing did.

    `internet`: allow IPv4 sockets, for the proxy of an IP camera in an empty network. Call it before starting a thread.
    """
    try:
        library = ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return "no filter of system calls (libseccomp.so.2 is missing)"
    library.seccomp_init.restype = ctypes.c_void_p
    context = library.seccomp_init(ctypes.c_uint32(_ALLOW))
    if not context:
        return "no filter of system calls (libseccomp has no memory)"
    try:
        rules = _Rules(library, context)
        for name in _FORBIDDEN:
            rules.refuse(name)
        rules.refuse("clone3", number=errno.ENOSYS)  # its flags cannot be read; the C library then calls clone
        for flag in _NAMESPACES:
            rules.refuse("clone", _Comparison(0, _MASKED_EQUAL, flag, flag))
        for kind in (stat.S_IFCHR, stat.S_IFBLK):
            rules.refuse("mknod", _Comparison(1, _MASKED_EQUAL, 0o170000, kind))
            rules.refuse("mknodat", _Comparison(2, _MASKED_EQUAL, 0o170000, kind))
        for request in (_TIOCSTI, _TIOCLINUX):
            rules.refuse("ioctl", _Comparison(1, _MASKED_EQUAL, 0xFFFFFFFF, request))
        highest = socket.AF_INET if internet else socket.AF_UNIX
        for name in ("socket", "socketpair"):
            rules.refuse(name, _Comparison(0, _GREATER, highest, 0), number=errno.EAFNOSUPPORT)
        failed = library.seccomp_load(ctypes.c_void_p(context))
    finally:
        library.seccomp_release(ctypes.c_void_p(context))
    return f"no filter of system calls (the kernel says {errno.errorcode.get(-failed, failed)})" if failed else ""


class _Rules:
    def __init__(self, library: ctypes.CDLL, context: int) -> None:
        self._library, self._context = library, ctypes.c_void_p(context)

    def refuse(self, name: str, *comparisons: _Comparison, number: int = errno.EPERM) -> None:
        """Let a call fail with `number`, if all comparisons hold. A call that this processor lacks is left out."""
        call = self._library.seccomp_syscall_resolve_name(name.encode())
        rows = (_Comparison * max(len(comparisons), 1))(*comparisons)
        action = ctypes.c_uint32(0x00050000 | number)
        self._library.seccomp_rule_add_array(self._context, action, call, len(comparisons), rows)

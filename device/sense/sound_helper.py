"""The helper that hears for an enclosed `sense` which was started by hand.

There, sound comes from PulseAudio or PipeWire, through a socket of a program that would also send anything anywhere. So
`sense` never sees that socket. Before it encloses itself, it forks this helper. For each opening of the microphone the
helper forks a worker, which sends blocks of sound to `sense` and takes nothing from it.
"""

import contextlib
import errno
import os
import signal
import socket
import struct
from collections.abc import Callable

import msgspec

from device.errors import DeviceError
from device.system.isolation.libc import call
from device.system.isolation.network import CLONE_NEWNS
from device.system.isolation.privileges import forbid_core_files

BLOCK = struct.Struct("=dI")
"""Before the samples (float32) of each block: the time of the last one, and the overflows so far."""
MAX_BLOCK = 262_144
MAX_SOURCE = 4096
_OPEN_S = 15.0
"""For the imports and a slow driver."""
_PR_SET_PDEATHSIG = 1
_ILLEGAL_FLAG = 0x2000
"""unshare(2) refuses it: nothing changes, but a filter of the service manager answers before that."""


class Opened(msgspec.Struct, frozen=True):
    """A worker's first answer."""

    name: str = ""
    error: str = ""
    """Why the microphone does not open; empty if it does."""


def needs_helper(source: str) -> bool:
    """Whether the microphone `source` is a device, and this process may get a view of files of its own.

    Under systemd it may not: the unit has closed the sockets, and sound comes from ALSA.
    """
    if source in ("", "off") or source.startswith(("file:", "stand-in")):
        return False
    try:
        call("unshare", CLONE_NEWNS | _ILLEGAL_FLAG)
    except OSError as error:
        return error.errno == errno.EINVAL
    return False


class SoundHelper:
    """The helper process. Fork it before starting a thread, and before the process encloses itself."""

    def __init__(self, serve: Callable[[socket.socket, str], None]) -> None:
        """`serve`: what a worker does with its connection to `sense` and the name of the microphone."""
        self._control, helper_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self._control.close()
            _run_helper(helper_end, serve)
        helper_end.close()

    def open(self, source: str) -> tuple[socket.socket, str]:
        """(The connection to a worker that has opened the microphone, the microphone's name). Raises DeviceError."""
        mine, worker_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with worker_end:
                socket.send_fds(self._control, [source.encode()], [worker_end.fileno()])
            mine.settimeout(_OPEN_S)
            answer = mine.recv(MAX_BLOCK)
            opened = msgspec.json.decode(answer, type=Opened) if answer else Opened(error="its helper ended")
        except (OSError, msgspec.DecodeError) as error:
            mine.close()
            raise DeviceError(f"the microphone's helper does not answer ({error}); restart Mien") from error
        if opened.error:
            mine.close()
            raise DeviceError(opened.error)
        return mine, opened.name

    def close(self) -> None:
        """End the helper; its workers end with it."""
        self._control.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _run_helper(control: socket.socket, serve: Callable[[socket.socket, str], None]) -> None:
    """The helper's main function; does not return. It ends when `sense` closes `control` or dies."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # sense handles them and then ends this process
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # a worker that ends is forgotten
        forbid_core_files()
        while True:
            source, descriptors, _, _ = socket.recv_fds(control, MAX_SOURCE, 1)
            if not descriptors:
                break
            if os.fork() == 0:
                control.close()
                call("prctl", _PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                serve(socket.socket(fileno=descriptors[0]), source.decode(errors="replace"))
                break
            os.close(descriptors[0])
    finally:
        os._exit(0)

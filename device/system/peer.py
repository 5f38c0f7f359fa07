"""Who is at the other end of a Unix socket, as the kernel says it (SO_PEERCRED)."""

import os
import socket
import struct
from typing import Protocol

_CREDENTIALS = struct.Struct("3i")


class _Connection(Protocol):
    def getsockopt(self, level: int, option: int, length: int, /) -> bytes: ...


def check_peer(connection: _Connection) -> None:
    """Raises PermissionError unless the other end runs as this user.

    As systemd's services, both ends have users of their own and share a group ($RUNTIME_DIRECTORY is set there).
    """
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    _, user, group = _CREDENTIALS.unpack(credentials)
    is_service = bool(os.environ.get("RUNTIME_DIRECTORY"))
    if user != os.geteuid() and not (is_service and group == os.getegid()):
        raise PermissionError(f"the other end belongs to user {user}, not to Mien")

"""Notifications to systemd (READY=1, WATCHDOG=1, STATUS=...), as datagrams to $NOTIFY_SOCKET. Without it, a no-op."""

import logging
import os
import socket

_log = logging.getLogger(__name__)


def notify(message: str) -> bool:
    """Send `message`, such as `READY=1`; newlines separate several. True if it was sent. Never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    # A leading @ stands for the NUL byte of Linux's abstract sockets.
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as connection:
            connection.setblocking(False)  # if systemd's queue is full, the caller must not wait
            connection.connect(name)
            connection.sendall(message.encode())
    except OSError as error:
        _log.debug("systemd did not receive %s: %s", message, error)
        return False
    return True

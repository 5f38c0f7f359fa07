"""Words to systemd: READY=1, WATCHDOG=1, STATUS=... as datagrams to $NOTIFY_SOCKET. Without it nothing happens."""

import logging
import os
import socket

_log = logging.getLogger(__name__)


def notify(message: str) -> bool:
    """Send `message` (`READY=1`; several are joined by newlines). True when it was sent; never raises."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    # A leading @ stands for the NUL byte of Linux's abstract sockets.
    name = "\0" + address[1:] if address.startswith("@") else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as end:
            end.setblocking(False)  # a full queue of systemd must not hold up the caller
            end.connect(name)
            end.sendall(message.encode())
    except OSError as error:
        _log.debug("systemd was not told %s: %s", message, error)
        return False
    return True

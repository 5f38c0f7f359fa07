"""The listening sockets of the page."""

import errno
import ipaddress
import socket

from device.errors import MienError

LOOPBACK = "127.0.0.1"


class AddressUnavailableError(MienError):
    """This device does not have the configured address, at least not yet."""


def resolve_addresses(listen: str) -> tuple[str, ...]:
    """The addresses for kiosk.listen = `listen`: loopback, and `listen` if it differs."""
    # 0.0.0.0 and :: include loopback; a second socket would conflict.
    if ipaddress.ip_address(listen).is_unspecified:
        return (listen,)
    return (LOOPBACK,) if listen == LOOPBACK else (LOOPBACK, listen)


def listen_on(address: str, port: int) -> socket.socket:
    """A non-blocking listening socket; port 0 takes any free one.

    Raises AddressUnavailableError when this device does not have the address yet, MienError when the port is taken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, port), family=family, dualstack_ipv6=address == "::")
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            problem = f"the page cannot listen on {address}: this device does not have that address now"
            raise AddressUnavailableError(f"{problem}; set kiosk.listen to one that it has, or to 0.0.0.0") from error
        raise MienError(f"the page cannot use port {port} ({error}); set kiosk.port to another, or 0") from error
    listener.setblocking(False)
    return listener

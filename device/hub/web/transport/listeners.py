"""The sockets on which the page listens."""

import errno
import ipaddress
import socket

from device.errors import MienError

HERE = "127.0.0.1"


class AddressUnavailableError(MienError):
    """This device does not have the address that the settings name, or not yet."""


def resolve_addresses(listen: str) -> tuple[str, ...]:
    """Where the page listens for kiosk.listen = `listen`: on loopback, and there, where that is another address."""
    # Every address includes loopback; two sockets would be in each other's way.
    if ipaddress.ip_address(listen).is_unspecified:
        return (listen,)
    return (HERE,) if listen == HERE else (HERE, listen)


def listen_on(address: str, port: int) -> socket.socket:
    """A listening socket that does not block; port 0 takes any free one.

    Raises AddressUnavailableError where this device has no such address now, MienError where the port is taken.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        listener = socket.create_server((address, port), family=family, dualstack_ipv6=address == "::")
    except OSError as error:
        if error.errno == errno.EADDRNOTAVAIL:
            raise AddressUnavailableError(
                f"the page cannot listen on {address}: this device has no such address now; set kiosk.listen to one "
                "that it has, or to 0.0.0.0"
            ) from error
        raise MienError(f"the page cannot use port {port} ({error}); set kiosk.port to another, or 0") from error
    listener.setblocking(False)
    return listener

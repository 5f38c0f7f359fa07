"""One window in the wall: an IP camera's address, and nothing else.

Before `sense` leaves the network it forks a small helper that stays outside. The helper accepts connections on a
listener that lives inside (`127.0.0.1`, in a namespace that nobody else is in) and joins each to the one address
of the settings. It reads no settings, keeps nothing, and ends with `sense`.
"""

import contextlib
import logging
import os
import signal
import socket
import threading
from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from device.errors import DeviceError

_log = logging.getLogger(__name__)

_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "rtmp": 1935}
_CONNECT_S = 5.0


@dataclass(frozen=True)
class Address:
    """Where an IP camera is."""

    host: str
    port: int


def parse_address(url: str) -> Address | None:
    """The address that a camera source names; None for a source that needs no network. Raises DeviceError."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            return None
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        host = None
    if not host:
        # Neither the address nor urllib's error is repeated: both may hold the password.
        raise DeviceError(
            "camera.source: its host or port is not valid; it should look like rtsp://USER:PASSWORD@HOST:PORT/PATH "
            "(write a / in the password as %2F, an @ as %40)"
        ) from None
    return Address(host, port)


def is_address(source: str) -> bool:
    """Whether a camera source is an address on the network, in capitals or not, and not a device, a file, ..."""
    try:
        return urlsplit(source).scheme in _PORTS
    except ValueError:
        return "://" in source  # it is meant as one; address_of says what is wrong with it


def redact_url(url: str) -> str:
    """An address for a person: scheme, host and port. A password stands before the host, in the path or the query.

    Raises DeviceError, as address_of.
    """
    address, parts = parse_address(url), urlsplit(url)
    # An @ behind the host: it may be the end of a password with a / in it, and what looks like the host a part of one.
    if address is None or "@" in parts.path + parts.query + parts.fragment:
        return f"the camera at {parts.scheme}://..."
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


class CameraProxy:
    """The helper, opened while there is still a network and given its listener when there is none any more."""

    def __init__(self, address: Address) -> None:
        """Forks. To be called before any thread runs."""
        self._address = address
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.pid = os.fork()
        if self.pid == 0:
            self._control.close()
            _stay_outside(theirs, address)
        theirs.close()

    def open(self, url: str) -> str:
        """Listen inside and hand the listener out; returns `url` as it is reached from inside."""
        with socket.create_server(("127.0.0.1", 0), backlog=4) as listener:
            port = listener.getsockname()[1]
            socket.send_fds(self._control, [b"listener"], [listener.fileno()])
        parts = urlsplit(url)
        credentials, at, _ = parts.netloc.rpartition("@")
        return urlunsplit(parts._replace(netloc=f"{credentials}{at}127.0.0.1:{port}"))

    def close(self) -> None:
        """End the helper."""
        self._control.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def _stay_outside(control: socket.socket, address: Address) -> None:
    """The helper's whole life; does not return. It ends when `control` does: with `sense`, however that ends."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # they are for sense, which then ends us
        _, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if descriptors:
            listener = socket.socket(fileno=descriptors[0])
            threading.Thread(target=_serve, args=(listener, address), daemon=True).start()
            control.recv(1)
    finally:
        os._exit(0)


def _serve(listener: socket.socket, address: Address) -> None:
    while True:
        inside, _ = listener.accept()
        threading.Thread(target=_join, args=(inside, address), daemon=True).start()


def _join(inside: socket.socket, address: Address) -> None:
    """Carry bytes both ways until either side ends."""
    with inside:
        try:
            outside = socket.create_connection((address.host, address.port), _CONNECT_S)
        except OSError:
            return  # the reader inside sees the connection close and tries again
        with outside:
            outside.settimeout(None)
            back = threading.Thread(target=_carry, args=(outside, inside), daemon=True)
            back.start()
            _carry(inside, outside)
            back.join()


def _carry(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # a broken side is an ended side
        while piece := source.recv(65_536):
            sink.sendall(piece)
    for side in (source, sink):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)

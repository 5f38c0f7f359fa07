"""The proxy to an IP camera: the only address that an isolated `sense` can reach.

Before `sense` drops its network, it forks a small helper process that keeps its own. `sense` opens a listener on
`127.0.0.1` in its namespace, where nobody else is, and passes it to the helper. The helper connects each client of
that listener to the one address from the settings. It reads no settings, stores nothing, and ends with `sense`.
"""

import contextlib
import os
import signal
import socket
import threading
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from device.errors import DeviceError
from device.system.isolation.landlock import restrict_files
from device.system.isolation.privileges import drop_capabilities, forbid_core_files

_PORTS = {"http": 80, "https": 443, "rtsp": 554, "rtsps": 322, "rtmp": 1935}


class Address(NamedTuple):
    """The address of an IP camera."""

    host: str
    port: int


def parse_address(url: str) -> Address | None:
    """The address in a camera source; None for a source that needs no network. Raises DeviceError."""
    try:
        parts = urlsplit(url)
        if parts.scheme not in _PORTS:
            return None
        host, port = parts.hostname, parts.port or _PORTS[parts.scheme]
    except ValueError:
        host = None
    if not host:
        # Quotes neither the address nor urllib's error, since both may contain the password.
        raise DeviceError(
            "camera.source: its host or port is not valid; it should look like rtsp://USER:PASSWORD@HOST:PORT/PATH "
            "(write a / in the password as %2F, an @ as %40)"
        ) from None
    return Address(host, port)


def is_address(source: str) -> bool:
    """Whether a camera source is an address on the network, and not a device or a file. Ignores case."""
    try:
        return urlsplit(source).scheme in _PORTS
    except ValueError:
        return "://" in source  # meant as an address; parse_address says what is wrong with it


def redact_url(url: str) -> str:
    """The scheme, host and port of an address; the rest may contain a password. Raises DeviceError."""
    address, parts = parse_address(url), urlsplit(url)
    # An @ after the host: a password may contain a /, and then the "host" is a part of the password.
    if address is None or "@" in parts.path + parts.query + parts.fragment:
        return f"the camera at {parts.scheme}://..."
    host = f"[{address.host}]" if ":" in address.host else address.host
    return f"{parts.scheme}://{host}" + (f":{parts.port}" if parts.port else "")


class CameraProxy:
    """The helper process. It is forked while there is a network and gets its listener after the network is dropped."""

    def __init__(self, address: Address) -> None:
        """Forks. Call it before starting a thread."""
        self._control, helper_end = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.pid = os.fork()
        if self.pid == 0:
            self._control.close()
            _run_helper(helper_end, address)
        helper_end.close()

    def open(self, url: str) -> str:
        """Listen inside and pass the listener to the helper. Returns the `url` to use inside."""
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


def _run_helper(control: socket.socket, address: Address) -> None:
    """The helper's main function; does not return. It ends when `sense` closes `control` or dies."""
    try:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # sense handles them and then ends this process
        forbid_core_files()
        drop_capabilities()
        restrict_files((), Path("/dev"), tcp=True)
        serve(control, address)
    finally:
        os._exit(0)


def serve(control: socket.socket, address: Address) -> None:
    """Connect each client of the listener that comes through `control` to `address`, until `control` is closed."""
    _, descriptors, _, _ = socket.recv_fds(control, 16, 1)
    if descriptors:
        listener = socket.socket(fileno=descriptors[0])
        threading.Thread(target=_accept, args=(listener, address), daemon=True).start()
        control.recv(1)


def _accept(listener: socket.socket, address: Address) -> None:
    while True:
        inside, _ = listener.accept()
        threading.Thread(target=_connect, args=(inside, address), daemon=True).start()


def _connect(inside: socket.socket, address: Address) -> None:
    """Copy bytes both ways until either side ends."""
    with inside:
        try:
            outside = socket.create_connection(address, timeout=5.0)
        except OSError:
            return  # the client sees the connection close, and retries
        with outside:
            outside.settimeout(None)
            back = threading.Thread(target=_copy, args=(outside, inside), daemon=True)
            back.start()
            _copy(inside, outside)
            back.join()


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):  # a broken connection counts as closed
        while chunk := source.recv(65_536):
            sink.sendall(chunk)
    for side in (source, sink):
        with contextlib.suppress(OSError):
            side.shutdown(socket.SHUT_RDWR)

"""The camera proxy reaches the camera's address, and nothing else."""

import contextlib
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from device.errors import DeviceError
from device.sense.camera_proxy import Address, parse_address, serve

# Reads a line of JSON from stdin, [command, argument], and answers with one.
_INSIDE = """
import json, os, socket, sys, urllib.request
from device.system.isolation import check_isolation, drop_network, raise_loopback
from device.sense.camera_proxy import CameraProxy, parse_address
url = sys.argv[1]
proxy = CameraProxy(parse_address(url))
detail = drop_network()
if "refused" in detail:
    print(json.dumps({"skip": detail}), flush=True)
    sys.exit()
raise_loopback()
inside = proxy.open(url)
print(json.dumps({"url": inside, "helper": proxy.pid, "gaps": check_isolation(detail).gaps}), flush=True)

def get(address):
    try:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        return opener.open(address, timeout=5).read().decode()
    except OSError as error:
        return "error " + type(error).__name__

def connect(port):
    with socket.socket() as line:
        line.settimeout(2)
        return line.connect_ex(("127.0.0.1", port))

for text in sys.stdin:
    command, argument = json.loads(text)
    if command == "close":
        proxy.close()
        print("{}", flush=True)
        break
    print(json.dumps({"get": get, "connect": connect}[command](argument)), flush=True)
"""


class _Server:
    """An HTTP server on loopback that answers with the requested path; it can stop and restart."""

    def __init__(self, port: int = 0) -> None:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = f"camera {self.path}".encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(http.server.ThreadingHTTPServer):
            allow_reuse_address = True

        self._server = Server(("127.0.0.1", port), Handler)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(2)


class _Inside:
    """An isolated process with a proxy to `url`."""

    def __init__(self, url: str) -> None:
        pipe = subprocess.PIPE
        command = [sys.executable, "-c", _INSIDE, url]
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        self.opened: dict[str, Any] = self._answer()
        if "skip" in self.opened:
            self.end()
            pytest.skip(self.opened["skip"])

    def _answer(self) -> Any:
        assert self.process.stdout
        return json.loads(self.process.stdout.readline())

    def ask(self, command: str, argument: object = None) -> Any:
        assert self.process.stdin
        self.process.stdin.write(json.dumps([command, argument]) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def end(self) -> None:
        self.process.kill()
        self.process.wait(5)
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()


@pytest.fixture
def server() -> Iterator[_Server]:
    one = _Server()
    yield one
    one.stop()


def test_the_helper_copies_both_ways_and_closes_what_has_no_camera(server: _Server) -> None:
    """The part of the helper that copies, without its process, which may write nothing that could be measured."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = Address("127.0.0.1", server.port)
        ours, helpers = socket.socketpair()
        serving = threading.Thread(target=serve, args=(helpers, address), daemon=True)
        serving.start()
        socket.send_fds(ours, [b"listener"], [listener.fileno()])
        port = listener.getsockname()[1]

        def ask() -> bytes:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as line:
                line.sendall(b"GET /stream HTTP/1.0\r\n\r\n")
                return b"".join(iter(lambda: line.recv(4096), b""))

        assert ask().endswith(b"camera /stream")
        server.stop()
        with contextlib.suppress(ConnectionResetError):
            assert ask() == b""
        ours.close()
        serving.join(5)
        assert not serving.is_alive()
        helpers.close()


@pytest.fixture
def inside(server: _Server) -> Iterator[_Inside]:
    one = _Inside(f"http://anna:p%40ss@127.0.0.1:{server.port}/stream/1?fps=5")
    yield one
    one.end()


def _gone(pid: int, within_s: float = 3.0) -> bool:
    """Whether a process has ended; a zombie has, too."""
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as file:  # noqa: PTH123 - it may vanish under our hands
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.02)
    return False


def test_the_proxy_reaches_the_camera_and_no_other_port(inside: _Inside, server: _Server) -> None:
    assert "network" not in inside.opened["gaps"]
    port = int(inside.opened["url"].rpartition(":")[2].partition("/")[0])
    other = _Server()
    try:
        assert inside.ask("get", f"http://127.0.0.1:{port}/a/b?c=d") == "camera /a/b?c=d"
        for closed in {server.port, other.port} - {port}:
            assert inside.ask("connect", closed) != 0
    finally:
        other.stop()


def test_credentials_path_and_query_stay_in_the_address(inside: _Inside) -> None:
    url = inside.opened["url"]
    assert url.startswith("http://anna:p%40ss@127.0.0.1:")
    assert url.endswith("/stream/1?fps=5")


def test_the_proxy_serves_several_clients(inside: _Inside) -> None:
    port = inside.opened["url"].rpartition(":")[2].partition("/")[0]
    for index in range(5):
        assert inside.ask("get", f"http://127.0.0.1:{port}/{index}") == f"camera /{index}"


def test_a_camera_that_comes_back_is_reached_again(inside: _Inside, server: _Server) -> None:
    address = inside.opened["url"].replace("anna:p%40ss@", "")
    assert inside.ask("get", address) == "camera /stream/1?fps=5"
    server.stop()
    assert inside.ask("get", address).startswith("error")
    again = _Server(server.port)
    try:
        assert inside.ask("get", address) == "camera /stream/1?fps=5"
    finally:
        again.stop()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_helper_ends_with_its_parent(inside: _Inside, number: signal.Signals) -> None:
    helper = inside.opened["helper"]
    os.kill(helper, 0)
    inside.process.send_signal(number)
    inside.process.wait(5)
    assert _gone(helper)


def test_the_helper_survives_ctrl_c_and_ends_with_the_proxy(inside: _Inside) -> None:
    helper = inside.opened["helper"]
    os.kill(helper, signal.SIGINT)
    address = inside.opened["url"].replace("anna:p%40ss@", "")
    assert inside.ask("get", address).startswith("camera")
    inside.ask("close")
    assert _gone(helper)
    assert inside.process.wait(5) == 0


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("rtsp://192.168.1.9/stream", "192.168.1.9", 554),
        ("rtsps://cam.local/stream", "cam.local", 322),
        ("http://user:p%40ss@cam:8080/video?x=1", "cam", 8080),
        ("https://CAM/x", "cam", 443),
        ("rtmp://cam/live", "cam", 1935),
        ("rtsp://[fe80::1]:8554/s", "fe80::1", 8554),
    ],
)
def test_parse_address(url: str, host: str, port: int) -> None:
    assert parse_address(url) == Address(host, port)


@pytest.mark.parametrize(
    "source", ["auto", "off", "picamera2", "/dev/video0", "file:/a/b.mp4", "stand-in", "gstreamer:videotestsrc", ""]
)
def test_a_source_that_needs_no_network_has_no_address(source: str) -> None:
    assert parse_address(source) is None


@pytest.mark.parametrize(
    "url", ["http://", "rtsp:///stream", "http://cam:99999/", "http://cam:port/", "http://cam:-1/", "http://[::1/"]
)
def test_the_error_for_an_invalid_url_names_its_key(url: str) -> None:
    with pytest.raises(DeviceError, match=r"camera\.source"):
        parse_address(url)


@pytest.mark.parametrize("url", ["rtsp://anna:secret@cam:99999/s", "rtsp://anna:secret/1@cam/s"])
def test_the_error_does_not_quote_a_password(url: str) -> None:
    with pytest.raises(DeviceError) as caught:
        parse_address(url)
    assert "secret" not in str(caught.value)

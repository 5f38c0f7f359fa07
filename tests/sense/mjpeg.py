"""A network camera on loopback that can misbehave: multipart JPEG over HTTP, like IP cameras and ESP32-CAMs."""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TypeVar

import numpy as np

from tests import builders as made


class MjpegServer(ThreadingHTTPServer):
    """Each picture has a brightness of its own, so that different ones can be counted."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.fault = ""
        """`stall` stops in the middle of a picture, `drop` ends the connection there, `refuse` answers 503."""
        self.same = False
        self.scale = 1
        """Scale of the pictures, which are 128x96; takes effect with the next one."""
        self.connections = 0
        self.numbers = itertools.count()
        self.ending = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/cam.mjpg"

    def next_jpeg(self) -> bytes:
        number = 0 if self.same else next(self.numbers) % 50
        pixels = np.full((96 * self.scale, 128 * self.scale, 3), (20, 120, 220), np.uint8)
        pixels[: 48 * self.scale] = 5 * number
        return made.jpeg(pixels)


class _Handler(BaseHTTPRequestHandler):
    server: MjpegServer

    def do_GET(self) -> None:
        self.server.connections += 1
        if self.server.fault == "refuse":
            self.send_error(503)
            return
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
        self.end_headers()
        while not self.server.ending.is_set():
            data = self.server.next_jpeg()
            head = b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data)
            fault = self.server.fault
            try:
                self.wfile.write(head + (data[: len(data) // 2] if fault else data + b"\r\n"))
            except OSError:
                return
            if fault == "stall":
                self.server.ending.wait(30)
            if fault:
                return
            time.sleep(0.02)

    def log_message(self, *_: object) -> None:
        pass


_S = TypeVar("_S", bound=MjpegServer)


def served() -> AbstractContextManager[MjpegServer]:
    return serving(MjpegServer)


@contextmanager
def serving(kind: type[_S]) -> Iterator[_S]:
    server = kind()
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.ending.set()
        server.shutdown()
        server.server_close()

"""An RTSP camera on loopback: FFmpeg makes H.264 over RTP, and a few lines of RTSP carry its packets over TCP."""

import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest


class RtspServer:
    """Serves one client: OPTIONS, DESCRIBE, SETUP (interleaved only) and PLAY."""

    def __init__(self, sdp: bytes, packets: socket.socket) -> None:
        self.transport = ""
        self._sdp, self._packets = sdp, packets
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._client: socket.socket | None = None
        threading.Thread(target=self._serve, daemon=True).start()

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/cam"

    def cut(self) -> None:
        """Break the connection as if the cable was pulled; nobody answers any more."""
        self._listener.close()
        if self._client is not None:
            with suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        with suppress(OSError):
            self._client, _ = self._listener.accept()
            lines = self._client.makefile("rb")
            while self._answer(lines.readline().decode(), dict(iter(lambda: _header(lines), ("", "")))):
                pass
            while True:
                packet = self._packets.recv(2048)
                self._client.sendall(b"$\0" + len(packet).to_bytes(2, "big") + packet)

    def _answer(self, request: str, headers: dict[str, str]) -> bool:
        """False after PLAY."""
        method, body, more = request.partition(" ")[0], b"", ""
        status = "200 OK"
        if method == "DESCRIBE":
            body, more = self._sdp, "Content-Type: application/sdp\r\n"
        elif method == "SETUP":
            self.transport = headers.get("transport", "")
            more = f"Transport: {self.transport}\r\nSession: 1\r\n"
            if "interleaved" not in self.transport:
                status = "461 Unsupported Transport"
        elif method == "OPTIONS":
            more = "Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN\r\n"
        assert self._client is not None
        head = f"RTSP/1.0 {status}\r\nCSeq: {headers.get('cseq', '0')}\r\n{more}Content-Length: {len(body)}\r\n\r\n"
        self._client.sendall(head.encode() + body)
        return method != "PLAY"


def _header(lines: IO[bytes]) -> tuple[str, str]:
    name, _, value = lines.readline().decode().strip().partition(":")
    return name.lower(), value.strip()


@contextmanager
def streamed(folder: Path) -> Iterator[RtspServer]:
    if shutil.which("ffmpeg") is None:
        pytest.skip("ffmpeg is not installed")
    packets = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    packets.bind(("127.0.0.1", 0))
    sdp = folder / "cam.sdp"
    source = ["-re", "-f", "lavfi", "-i", "testsrc2=size=160x120:rate=20"]
    codec = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "10", "-bsf:v", "dump_extra"]
    target = ["-f", "rtp", "-sdp_file", str(sdp), f"rtp://127.0.0.1:{packets.getsockname()[1]}?pkt_size=1200"]
    ffmpeg = subprocess.Popen(["ffmpeg", "-loglevel", "error", *source, *codec, *target])
    try:
        until_s = time.monotonic() + 10
        while not sdp.exists() or b"m=video" not in sdp.read_bytes():
            assert time.monotonic() < until_s, "ffmpeg made no stream"
            time.sleep(0.05)
        text = b"\r\n".join(line for line in sdp.read_bytes().splitlines() if line.strip() and b"SDP:" not in line)
        server = RtspServer(text + b"\r\na=control:track0\r\n", packets)
        yield server
        server.cut()
    finally:
        ffmpeg.terminate()
        ffmpeg.wait(5)
        packets.close()

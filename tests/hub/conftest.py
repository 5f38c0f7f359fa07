"""Fixtures for the hub: a real Mosquitto, certificates, settings and folders."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from device.settings.load import parse
from device.settings.schema import Settings
from tests.hub.ipc.live_view_setup import with_live_view


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until_listening(port: int, process: subprocess.Popen[bytes] | None = None) -> bool:
    """Wait until a program accepts connections on loopback; False if its `process` ends before that."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if process is not None and process.poll() is not None:
            return False
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return True
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens on port {port} after 10 s")


class Broker:
    """Mosquitto on a loopback port. A test may kill it and start it again."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """`options` are more lines of its configuration. Sessions and queues survive a `stop`."""
        config = self._folder / "mosquitto.conf"
        lines = [f"listener {self.port} 127.0.0.1", "allow_anonymous true", "max_queued_messages 0"]
        if not os.geteuid():
            lines.append("user root")  # otherwise it would give up root and could not use the test's folder
        lines += ["persistence true", f"persistence_location {self._folder}/", *options]
        config.write_text("\n".join(lines) + "\n")
        self._process = subprocess.Popen(["mosquitto", "-c", str(config)], stderr=subprocess.DEVNULL)
        wait_until_listening(self.port)

    def kill(self) -> None:
        if self._process:
            self._process.kill()
            self._process.wait(5)
            self._process = None

    def stop(self) -> None:
        """Stop it cleanly: queued messages of durable sessions are saved."""
        if self._process:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def freeze(self) -> None:
        """Suspend it: its connections stay open, but nothing is answered."""
        if self._process:
            self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Resume it after `freeze`."""
        if self._process:
            self._process.send_signal(signal.SIGCONT)

    def retained(self, topic: str, limit_s: int = 3) -> str | None:
        """The retained message; None if there is none within `limit_s`."""
        return self._subscribe(topic, limit_s, "-C", "1", "--retained-only")

    def _subscribe(self, topic: str, limit_s: int, *options: str) -> str | None:
        command = ["mosquitto_sub", "-p", str(self.port), "-t", topic, "-W", str(limit_s), *options]
        done = subprocess.run(command, capture_output=True, text=True, timeout=limit_s + 5, check=False)
        return done.stdout.rstrip("\n") or None


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    if not shutil.which("mosquitto") or not shutil.which("mosquitto_sub"):
        pytest.skip("mosquitto and mosquitto-clients are not installed")
    for tries_left in (2, 1, 0):
        one = Broker(tmp_path)
        try:
            one.start()
            break
        except TimeoutError:  # another program took the free port in between
            one.kill()
            if not tries_left:
                raise
    yield one
    one.kill()


@dataclass(frozen=True)
class Certificates:
    """Certificates, each with its key in the same file."""

    ca: Path
    server: Path
    """For localhost and 127.0.0.1."""
    elsewhere: Path
    """For broker.example."""
    client: Path
    stranger: Path
    """From another authority, which signed none of the others."""


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("papers")

    def issue(name: str, *options: str) -> Path:
        path = folder / f"{name}.pem"
        key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
        out = ["-keyout", str(path), "-out", str(folder / "certificate"), "-subj", f"/CN={name}"]
        subprocess.run(["openssl", "req", "-x509", *key, *out, *options], check=True, capture_output=True, timeout=20)
        path.write_text(path.read_text() + (folder / "certificate").read_text())
        return path

    ca = issue("ca", "-addext", "keyUsage=keyCertSign")
    signed = ("-CA", str(ca), "-CAkey", str(ca), "-addext", "basicConstraints=critical,CA:FALSE", "-addext")
    return Certificates(
        ca,
        issue("server", *signed, "subjectAltName=DNS:localhost,IP:127.0.0.1"),
        issue("elsewhere", *signed, "subjectAltName=DNS:broker.example"),
        issue("client", *signed, "subjectAltName=DNS:mien"),
        issue("stranger"),
    )


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a path short enough for a Unix socket."""
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        yield Path(folder)


@pytest.fixture
def house(short: Path) -> Settings:
    """Settings without a broker, with the page on a free port."""
    return parse(
        f"""
        [home]
        name = "test"
        state_dir = "{short}/state"
        runtime_dir = "{short}/run"
        [kiosk]
        port = 0
        [[rules]]
        name = "comfort"
        mood = ["sad", "fear"]
        for_s = 0.3
        do = [{{action = "lamp", colour = "#ffb46b", brightness = 40}}, {{action = "player", playlist = "calm"}}]
        """,
        "house",
    )


@pytest.fixture
def open_house(house: Settings) -> Settings:
    """The same with the live view allowed."""
    return with_live_view(house)

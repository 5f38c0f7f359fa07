"""The whole of `sense` with a simulated camera and microphone, and a hub played by the test."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from device.ipc.messages import HEARTBEAT_S, Beat, Health, Hello, HubMessage, MoodUpdate, State, encode
from device.ipc.messages import decode_sense_message as decoded
from device.sense.build import build_pipeline
from device.sense.hub_client import HubClient
from device.sense.pipeline import Pipeline
from device.settings.schema import Settings
from device.system.isolation import Isolation
from tests.sense.waits import until

HELLO = Hello("5e55", "0.1.0", 1, Isolation(True, ("lo",), "Network is unreachable", ""), {})


class Hub:
    """Listens, sends heartbeats, and keeps the newest health and mood."""

    def __init__(self, path: Path) -> None:
        self.health: Health | None = None
        self.mood: MoodUpdate | None = None
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._line: socket.socket | None = None
        threading.Thread(target=self._hear, daemon=True).start()
        self._ended = threading.Event()
        threading.Thread(target=self._beat, daemon=True).start()

    def say(self, message: HubMessage) -> None:
        if self._line:
            with suppress(OSError):
                self._line.sendall(encode(message))

    def close(self) -> None:
        self._ended.set()
        self._listener.close()

    def _beat(self) -> None:
        while not self._ended.wait(HEARTBEAT_S):
            self.say(Beat())

    def _hear(self) -> None:
        with suppress(OSError):
            self._line, _ = self._listener.accept()
            for line in self._line.makefile("rb"):
                message = decoded(line)
                if isinstance(message, Health):
                    self.health = message
                elif isinstance(message, MoodUpdate):
                    self.mood = message


@contextmanager
def living(settings: Settings) -> Iterator[tuple[Pipeline, Hub]]:
    settings.runtime_dir.mkdir(mode=0o700, exist_ok=True)
    path = settings.runtime_dir / "door.sock"
    path.unlink(missing_ok=True)
    hub, stop = Hub(path), threading.Event()
    sense, _ = build_pipeline(settings, settings.camera.source)
    thread = threading.Thread(target=sense.run, args=(HubClient(path, HELLO, sense.controls.execute), stop))
    thread.start()
    try:
        until(lambda: hub.health, 15)
        yield sense, hub
    finally:
        stop.set()
        thread.join(10)
        hub.close()
        assert not thread.is_alive()


def stage(hub: Hub, name: str) -> State | None:
    return hub.health.stages[name].state if hub.health else None

"""Fixtures of several files: threads of scripted devices, a whole sense, a connection to a hub."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from device.ipc.messages import SenseCommand
from device.sense.camera import Camera
from device.sense.camera.thread import CameraThread, Latest
from device.sense.device_thread import BACKOFF_S, DeviceThread
from device.sense.hub_client import HubClient
from device.sense.microphone import Microphone
from device.settings.schema import Camera as CameraSettings
from device.settings.schema import Home, MoodSettings, Settings
from device.settings.schema import Microphone as MicrophoneSettings
from tests.sense.fake_hub import HELLO, Hub
from tests.sense.fakes import Make

# -- device threads


@pytest.fixture
def started() -> Iterator[Callable[[DeviceThread[Camera] | DeviceThread[Microphone]], None]]:
    """Starts threads that retry quickly, and stops them after the test."""
    threads: list[DeviceThread[Camera] | DeviceThread[Microphone]] = []

    def start(thread: DeviceThread[Camera] | DeviceThread[Microphone]) -> None:
        if thread.backoff_s == BACKOFF_S:
            thread.backoff_s = (0.1, 0.15)
        threads.append(thread)
        thread.start()

    yield start
    for thread in threads:
        thread.stop(0.5)


@pytest.fixture
def camera(started: Callable[[CameraThread], None]) -> Make:
    """Makes a thread that opens these devices one after the other; an exception is an opening that fails."""

    def make(*devices: object, timeout_s: float = 0.3, fps: float = 1000, on: bool = True, **attributes: object):  # type: ignore[no-untyped-def] # noqa: ANN202
        opened: list[object] = []

        def opener() -> Camera:
            device = devices[min(len(opened), len(devices) - 1)]
            opened.append(device)
            if isinstance(device, Exception):
                raise device
            return device  # type: ignore[return-value]

        latest = Latest()
        thread = CameraThread(opener, latest, timeout_s, wanted_fps=fps, on=on)
        for name, value in attributes.items():
            setattr(thread, name, value)
        started(thread)
        return thread, latest, opened

    return make


# -- the whole of sense


@pytest.fixture
def house() -> Iterator[Settings]:
    """Settings of a house of its own, with a simulated camera and microphone."""
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        # Well into the script's first scene, so that both senses have something at once.
        source = f"stand-in@{time.monotonic() - 2.0}"
        yield Settings(
            home=Home(state_dir=f"{folder}/state", runtime_dir=f"{folder}/run"),
            camera=CameraSettings(source=source),
            microphone=MicrophoneSettings(source=source),
            mood=MoodSettings(hold_s=0.5, smoothing_s=0.2),
        )


# -- the connection to hub


@pytest.fixture
def hub_path() -> Iterator[Path]:
    """Where hub listens; short enough for the name of a Unix socket."""
    with TemporaryDirectory(prefix="mien-", dir="/tmp") as folder:
        yield Path(folder) / "door.sock"


@pytest.fixture
def hub(hub_path: Path) -> Iterator[Hub]:
    """A hub simulated by the test."""
    hub = Hub(hub_path)
    yield hub
    hub.die()


@pytest.fixture
def commands() -> list[SenseCommand]:
    """The commands that sense has received."""
    return []


@pytest.fixture
def client(hub_path: Path, commands: list[SenseCommand]) -> Iterator[HubClient]:
    """Sense's side of the connection, not started yet; it reconnects quickly."""
    client = HubClient(hub_path, HELLO, commands.append, retry_s=0.05)
    yield client
    if client._thread.is_alive():
        client.stop()

"""Both processes, started as systemd starts them, and the state on their page."""

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.hub.conftest import free_port, short

__all__ = ["Json", "Mien", "mien", "short"]  # two of them are fixtures

Json = dict[str, Any]
_ENDED = re.compile(r"live view: ended; (\d+) pictures, ([\d.]+) ms of CPU each")


class Mien:
    """Both processes, as systemd starts them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.page = f"http://127.0.0.1:{self.port}/"
        self.started: list[subprocess.Popen[bytes]] = []
        # Well into the script's first scene, so that a face is there at once.
        self._source = f"stand-in@{time.monotonic() - 2}"

    def settings(self, name: str = "mien", *, live_view: bool = True) -> Path:
        path = self.folder / f"{name}.toml"
        path.write_text(
            f'[home]\nstate_dir = "{self.folder}/state"\nruntime_dir = "{self.folder}/run"\n'
            f'[camera]\nsource = "{self._source}"\n[microphone]\nsource = "off"\n'
            f"[kiosk]\nport = {self.port}\nlive_view = {str(live_view).lower()}\n"
        )
        return path

    def start(self, command: str, settings: Path) -> "subprocess.Popen[bytes]":
        with (self.folder / f"{command}.log").open("ab") as log:
            arguments = [sys.executable, "-m", "device.cli", "--settings", str(settings), command]
            process = subprocess.Popen(arguments, stderr=log, stdout=log)
        self.started.append(process)
        return process

    def log(self, command: str) -> str:
        return (self.folder / f"{command}.log").read_text()

    def ended_views(self) -> list[tuple[str, str]]:
        """(pictures, ms of CPU each) of every ended view in the log of sense."""
        found: list[tuple[str, str]] = _ENDED.findall(self.log("sense"))
        return found

    async def state(self) -> Json | None:
        try:
            async with aiohttp.ClientSession() as client, client.get(self.page + "api/state") as answer:
                state: Json = await answer.json()
                return state
        except OSError:
            return None

    async def people(self) -> bool:
        state = await self.state()
        return bool(state and state["mood"] and state["mood"]["people"])

    @contextlib.asynccontextmanager
    async def watch(self) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        headers = {"Origin": self.page.rstrip("/")}
        async with (
            aiohttp.ClientSession() as client,
            client.ws_connect(self.page + "api/live", headers=headers) as viewer,
        ):
            yield viewer


@pytest.fixture
def mien(short: Path) -> Iterator[Mien]:
    mien = Mien(short)
    yield mien
    for process in reversed(mien.started):
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.wait(15)

"""`mien baseline` as a user runs it: a live hub, a sense that records, and every way it can fail."""

import asyncio
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from device.commands.hub_api import get_json, send_command
from device.errors import MienError
from device.ipc.messages import ClearBaseline, RecordBaseline
from device.readings import Baseline, Recording, SenseBaseline
from device.settings.schema import Settings
from tests.hub.conftest import free_port
from tests.hub.hub_running import Sense, run, running, until

NEUTRAL = SenseBaseline(412, (0.05, 0.01, 0.02, 0.02, 0.4, 0.0, 0.5))


@pytest.fixture
def home(house: Settings, tmp_path: Path) -> tuple[Settings, Path]:
    """The settings with a port of their own, and a file with that port."""
    port = free_port()
    path = tmp_path / "mien.toml"
    path.write_text(f"[kiosk]\nport = {port}\n")
    return msgspec.structs.replace(house, kiosk=msgspec.structs.replace(house.kiosk, port=port)), path


async def mien(settings: Path, *words: str) -> tuple[int, str, str]:
    command = [sys.executable, "-m", "device.cli", "--settings", str(settings), "baseline", *words]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


async def recording(sense: Sense, *, found: Baseline | None, message: str) -> None:
    """What a sense does when it has to record."""
    await until(lambda: RecordBaseline(60.0) in sense.received, 30)
    sense.health = msgspec.structs.replace(sense.health, recording=Recording(60.0, "look and speak as you do at rest"))
    await asyncio.sleep(2)
    sense.health = msgspec.structs.replace(sense.health, recording=Recording(0.0, message), baseline=found)


def test_record_show_and_clear(home: tuple[Settings, Path]) -> None:
    settings, path = home

    async def story() -> None:
        async with running(settings) as hub, Sense(settings) as sense:
            await until(lambda: hub.store.now.health)
            status, out, _ = await mien(path, "show")
            assert status == 0
            assert "No baseline is recorded" in out
            recorder = asyncio.create_task(mien(path, "record"))
            await recording(sense, found=Baseline(1.7e9, NEUTRAL), message="recorded from 412 looks at faces")
            status, out, err = await recorder
            assert (status, err.count("Traceback")) == (0, 0), err
            assert "For 60 s: look and speak as you do at rest." in out
            assert "faces read as neutral 50 %, sad 40 %" in out
            assert "voices: too few readings" in out
            assert (await mien(path, "show"))[1].startswith("Recorded 2023-11-1")
            assert (await mien(path, "clear"))[0] == 0
            await until(lambda: ClearBaseline() in sense.received)

    run(story())


def test_a_failed_recording_is_an_error_that_says_why(home: tuple[Settings, Path]) -> None:
    settings, path = home

    async def story() -> None:
        async with running(settings) as hub, Sense(settings) as sense:
            await until(lambda: hub.store.now.health)
            recorder = asyncio.create_task(mien(path, "record"))
            await recording(sense, found=None, message="nothing was recorded: 0 looks at faces and 3 at voices")
            status, _, err = await recorder
            assert status == 1
            assert "nothing was recorded: 0 looks" in err

    run(story())


def test_a_missing_sense_or_hub_is_named(home: tuple[Settings, Path]) -> None:
    settings, path = home

    async def story() -> None:
        status, _, err = await mien(path, "record")
        assert status == 1
        assert "no Mien answers" in err
        assert "mien run" in err
        async with running(settings):
            status, _, err = await mien(path, "record")
            assert status == 1
            assert "sense is not running" in err

    run(story())


def test_the_hubs_own_error_is_printed(home: tuple[Settings, Path]) -> None:
    settings, _ = home

    async def story() -> None:
        async with running(settings):
            with pytest.raises(MienError, match="hold_s: got 'forever'; allowed is a number"):
                await asyncio.to_thread(send_command, settings, "hold_s", "forever")
            with pytest.raises(MienError, match="Not Found"):
                await asyncio.to_thread(get_json, settings, "/api/none")

    run(story())


def test_another_program_on_the_port_is_recognized(home: tuple[Settings, Path]) -> None:
    settings, _ = home

    class Stranger(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(500, "another program")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", settings.kiosk.port), Stranger) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with pytest.raises(MienError, match="the hub answered 500 another program"):
            get_json(settings, "/api/state")
        server.shutdown()


@pytest.mark.parametrize("kiosk", ["enabled = false", "port = 0"])
def test_a_page_without_a_known_port_is_an_error(tmp_path: Path, kiosk: str) -> None:
    path = tmp_path / "mien.toml"
    path.write_text(f"[kiosk]\n{kiosk}\n")
    status, _, err = asyncio.run(mien(path, "show"))
    assert status == 1
    assert "kiosk.port" in err

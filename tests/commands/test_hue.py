"""`mien hue pair` as a user runs it, with a fake bridge whose button is pressed."""

import argparse
import asyncio
import json
import os
import shutil
import ssl
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from device.commands import hue
from device.hub.actions.hue.bridge import Key
from device.settings.load import parse
from tests.hub.actions.hue_bridge import KEY, Bridge, certificate
from tests.hub.actions.peers import json_response
from tests.hub.hub_running import run, until

_HOUSE = Path(__file__).parents[2]
Mien = Callable[..., Awaitable[tuple[int, str, str]]]


@pytest.fixture
def tls(tmp_path: Path) -> ssl.SSLContext:
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    return certificate(tmp_path, "bridge")


async def pair(home: Path, *arguments: str) -> tuple[int, str, str]:
    """(exit status, stdout, stderr) of `mien hue pair 127.0.0.1`."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MIEN_", "XDG_"))}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "device.cli", "hue", "pair", "127.0.0.1", *arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env | {"HOME": str(home), "PYTHONPATH": str(_HOUSE)},
    )
    out, errors = await process.communicate()
    return process.returncode or 0, out.decode(), errors.decode()


def test_the_button_gives_a_key_and_the_lines_for_the_settings(tmp_path: Path, tls: ssl.SSLContext) -> None:
    async def story() -> str:
        async with Bridge(tls) as bridge:
            pairing = asyncio.create_task(pair(tmp_path, "--port", str(bridge.port)))
            await until(lambda: bridge.asked_to_pair or pairing.done(), 20)
            bridge.pressed = True
            status, out, errors = await pairing
            assert (status, errors) == (0, "")
            return out

    out = run(story())
    assert out.startswith("Press the button on the Hue bridge at 127.0.0.1 within 30 s.\n")
    assert KEY not in out
    path = tmp_path / ".config" / "mien" / "hue.json"
    assert json.loads(path.read_text())["application_key"] == KEY
    assert path.stat().st_mode & 0o777 == 0o600
    lines = out[out.index("[hue]") :]
    assert parse(lines, "printed").hue.key_file == str(path)
    assert parse(lines, "printed").hue.bridge == "127.0.0.1"


def test_the_key_that_root_writes_beside_the_settings_gets_their_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "mien.toml"
    file.touch()
    if os.geteuid() == 0:
        os.chown(file, 0, 12345)  # any group but root's
    file.chmod(0o640)

    async def paired(_address: str, _port: int) -> Key:
        return Key(KEY, "00")

    monkeypatch.setattr(hue, "pair", paired)
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert hue.run(argparse.Namespace(address="127.0.0.1", port=443, settings=file, file=None)) == 0
    seen = (tmp_path / "hue.json").stat()
    assert (seen.st_mode & 0o777, seen.st_gid) == (0o640, file.stat().st_gid)


def test_an_error_is_one_line_and_writes_nothing(tmp_path: Path, tls: ssl.SSLContext) -> None:
    async def story() -> None:
        async with Bridge(tls) as bridge:
            bridge.faults = [json_response([{"error": {"type": 7, "description": "no more room"}}])]
            file = tmp_path / "kept" / "key.json"
            status, _, errors = await pair(tmp_path, "--port", str(bridge.port), "--file", str(file))
            assert (status, errors) == (1, "mien: Hue bridge 127.0.0.1: refused to pair: no more room\n")
            assert not file.parent.exists()

    run(story())


@pytest.mark.parametrize("port", ["99999", "0", "-1"])
def test_an_impossible_port_is_refused_before_any_connection(tmp_path: Path, port: str) -> None:
    status, out, errors = run(pair(tmp_path, f"--port={port}"))
    assert (status, out, errors) == (1, "", f"mien: --port {port}: a port is a number from 1 to 65535\n")

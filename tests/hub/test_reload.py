"""New settings that are valid but that a hub could not start with: they change nothing and are reported before."""

import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from device.hub.web.auth.password import write
from tests.command_line import Mien, assert_one_line_error
from tests.hub.conftest import Certificates, free_port
from tests.hub.hub_running import run, until
from tests.hub.web.builders import hash_cheaply


def start_hub(path: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "device.cli", "--settings", str(path), "hub"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def write_settings_text(folder: Path, port: int) -> str:
    return f'[home]\nstate_dir = "{folder}/state"\nruntime_dir = "{folder}/run"\n[kiosk]\nport = {port}\n'


async def get_problems(port: int) -> list[str]:
    try:
        async with aiohttp.ClientSession() as client, client.get(f"http://127.0.0.1:{port}/api/state") as answer:
            document: dict[str, Any] = await answer.json()
            return [*document["problems"]]
    except aiohttp.ClientError:
        return []


async def is_refused(port: int, *words: str) -> bool:
    return any("not applied" in one and all(word in one for word in words) for one in await get_problems(port))


def test_settings_that_cannot_start_change_nothing(mien: Mien, short: Path, certificates: Certificates) -> None:
    port = free_port()
    path, good = short / "mien.toml", write_settings_text(short, port)
    (short / "file").write_text("")
    write(short / "password.json", hash_cheaply())
    opened = f'listen = "0.0.0.0"\npassword_file = "{short}/password.json"\n'
    broker = '[mqtt]\nhost = "127.0.0.1"\n'
    path.write_text(good)
    hub = start_hub(path)

    async def story() -> None:
        await until(lambda: get_problems(port), 15)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            other = taken.getsockname()[1]
            for bad, *words in (
                (
                    f'{good}listen = "0.0.0.0"\npassword_file = "{short}/none.json"\n',
                    "kiosk.password_file",
                    "none.json",
                ),
                (f'{good}{opened}certificate_file = "{short}/c"\nkey_file = "{short}/k"\n', "kiosk.certificate_file"),
                (
                    f'{good}{opened}certificate_file = "{certificates.ca}"\nkey_file = "{certificates.client}"\n',
                    "together",
                ),
                (good.replace(f"port = {port}", f"port = {other}"), f"port {other}", "kiosk.port"),
                (good.replace(f"{short}/run", f"{short}/{'r' * 120}"), "home.runtime_dir", "too long"),
                (good.replace(f"{short}/run", f"{short}/file/run"), "home.runtime_dir", "not a folder"),
                (good.replace(f"{short}/state", "~nobody_here/s"), "home.state_dir", "no user nobody_here"),
                (good.replace(f"{short}/state", f"{short}/file"), "home.state_dir", "not a folder"),
                (f'{good}{broker}username = "me"\npassword_file = "~nobody_here/s"\n', "mqtt.password_file"),
                (f'{good}{broker}tls = true\nca_file = "{short}/none.pem"\n', "mqtt.ca_file", "none.pem"),
            ):
                path.write_text(bad)
                hub.send_signal(signal.SIGHUP)
                await until(lambda words=words: is_refused(port, str(path), *words))  # type: ignore[misc]
                assert_one_line_error(mien("config", "check", "--settings", path), str(path), *words)
        # A starting hub waits for its address. A running hub does not give up its address for one that does not exist.
        path.write_text(good + opened.replace("0.0.0.0", "192.0.2.7"))  # noqa: S104
        hub.send_signal(signal.SIGHUP)
        await until(lambda: is_refused(port, str(path), "192.0.2.7", "kiosk.listen"))
        checked = mien("config", "check", "--settings", path)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert hub.poll() is None
        path.write_text(good + opened)
        assert mien("config", "check", "--settings", path).returncode == 0, "the running hub uses this very port"
        hub.send_signal(signal.SIGHUP)
        await until(lambda: hub.poll() == 0)

    try:
        run(story(), 60)
    finally:
        hub.terminate()
        log = hub.communicate(timeout=10)[1]
    assert "Traceback" not in log


def test_config_check_reports_a_port_in_use(mien: Mien, short: Path) -> None:
    path = short / "mien.toml"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        path.write_text(write_settings_text(short, port))
        assert_one_line_error(mien("config", "check", "--settings", path), f"port {port}", "kiosk.port")
    assert mien("config", "check", "--settings", path).returncode == 0
    assert not (short / "state").exists(), "a check creates nothing"


def test_config_check_accepts_an_address_that_does_not_exist_yet(mien: Mien, short: Path) -> None:
    path = short / "mien.toml"
    write(short / "password.json", hash_cheaply())
    path.write_text(write_settings_text(short, 0) + f'listen = "192.0.2.7"\npassword_file = "{short}/password.json"\n')
    done = mien("config", "check", "--settings", path)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{path}: fine" in done.stdout
    assert "not yet: the page cannot listen on 192.0.2.7: this device does not have that address" in done.stdout


@pytest.mark.parametrize("key", ["kiosk", "mqtt"])
def test_systemd_credentials_may_be_missing_before_the_start(mien: Mien, short: Path, key: str) -> None:
    credential = 'password_file = "/run/credentials/mien-hub.service/none"\n'
    more = {
        "kiosk": f'listen = "0.0.0.0"\n{credential}',
        "mqtt": f'[mqtt]\nhost = "localhost"\nusername = "me"\n{credential}',
    }
    path = short / "mien.toml"
    path.write_text(write_settings_text(short, 0) + more[key])
    assert mien("config", "check", "--settings", path).returncode == 0

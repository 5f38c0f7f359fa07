"""The page shall listen on an address that this device does not have yet, because its network is late."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from device.settings.schema import Settings
from tests.hub.conftest import free_port
from tests.hub.hub_running import run, running, state, until
from tests.hub.web.builders import open_to_network

LATE = "192.0.2.77"
_GET = """
import json, sys, urllib.error, urllib.request
try:
    with urllib.request.urlopen(sys.argv[1], timeout=2) as answer:
        print(answer.status, answer.read().decode())
except urllib.error.HTTPError as error:
    print(error.code)
except OSError:
    print(0)
"""


def test_the_hub_runs_and_says_what_the_page_waits_for(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short, LATE)) as hub:
            (said,) = [one for one in (await state(hub))["problems"] if LATE in one]
            assert "cannot be reached from the network" in said
            assert "kiosk.listen" in said
            await until(lambda: hub.store.now.page == said)

    run(story())


class Network:
    """A hub in a network namespace, which has only loopback at first."""

    def __init__(self, hub: "subprocess.Popen[str]") -> None:
        self._hub = hub

    def has(self, *command: str) -> str:
        """What a command says that runs in it."""
        enter = ["nsenter", "--preserve-credentials", "-U", "-n", "-t", str(self._hub.pid)]
        return subprocess.run([*enter, *command], capture_output=True, text=True, timeout=10, check=False).stdout

    def get(self, url: str) -> tuple[int, Any]:
        status, _, body = self.has(sys.executable, "-c", _GET, url).partition(" ")
        return int(status or 0), json.loads(body) if body.strip() else None


@contextmanager
def alone(path: Path) -> Iterator[Network]:
    tools = ("unshare", "nsenter", "ip")
    up = ["unshare", "-rn", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
    if not all(map(shutil.which, tools)) or subprocess.run([*up, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine does not allow network namespaces")
    hub = subprocess.Popen(
        [*up, sys.executable, "-m", "device.cli", "--settings", str(path), "hub"], stderr=subprocess.PIPE, text=True
    )
    try:
        yield Network(hub)
        assert hub.poll() is None
    finally:
        hub.terminate()
        said = hub.communicate(timeout=10)[1]
    assert "Traceback" not in said
    assert said.count("does not have the address") == 1, "logged once, not every two seconds"


def test_the_page_opens_to_the_network_as_soon_as_the_address_exists(house: Settings, short: Path) -> None:
    port, path = free_port(), short / "mien.toml"
    kiosk = open_to_network(house, short, LATE).kiosk
    path.write_text(
        f'[home]\nstate_dir = "{short}/state"\nruntime_dir = "{short}/run"\n'
        f'[kiosk]\nport = {port}\nlisten = "{LATE}"\npassword_file = "{kiosk.password_file}"\n'
    )

    def within(limit_s: float, url: str, *wanted: int) -> Any:
        end_s = time.monotonic() + limit_s
        while (got := network.get(url))[0] not in wanted:
            assert time.monotonic() < end_s, got
            time.sleep(0.1)
        return got[1]

    with alone(path) as network:
        here = f"http://127.0.0.1:{port}/api/state"
        assert any(LATE in one for one in within(15, here, 200)["problems"])
        network.has("ip", "addr", "add", f"{LATE}/32", "dev", "lo")
        within(8, f"http://{LATE}:{port}/api/state", 401)
        assert not any(LATE in one for one in within(2, here, 200)["problems"])

"""No device of the house can turn the limits against the others: real addresses in a network namespace, and a proxy."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from device.settings.schema import Settings
from tests.hub.hub_running import run, running
from tests.hub.web.builders import PASSWORD, ask, open_to_network

_HOUSE = Path(__file__).parents[3]


def tell(story: str) -> Any:
    """What a story of crowd.py prints. Skips where no network namespace can be had."""
    probe = subprocess.run(["unshare", "--net", "ip", "addr"], capture_output=True, check=False)
    if os.geteuid() or probe.returncode:
        pytest.skip("a network namespace needs root, unshare and ip")
    done = subprocess.run(
        ["unshare", "--net", sys.executable, "-m", "tests.hub.web.crowd", story],
        cwd=_HOUSE,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


def test_twelve_addresses_that_guess_do_not_keep_out_the_right_password() -> None:
    assert tell("guess") == [200] * 8


def test_five_wrong_passwords_of_one_device_do_not_lock_out_its_64() -> None:
    got = tell("guess_in_a_64")
    assert got["wrong"] == [401] * 5 + [429]
    assert got["right"] == [200] * 4
    assert got["refused"] >= 15, "all of a /64 together may guess twenty times a minute"
    assert got["known"] == 200


def test_four_addresses_with_idle_connections_do_not_shut_out_who_is_logged_in() -> None:
    assert tell("hold_connections") == [200] * 10


def test_a_flood_stops_nobody_else() -> None:
    got = tell("flood")
    assert got["refused"] > 10
    assert (got["logged in"], got["neighbour"]) == (200, 200)


def test_behind_a_proxy_each_client_has_limits_of_its_own(house: Settings, short: Path) -> None:
    """The proxy appends the address that it saw; what the client has written before that counts for nothing."""

    async def story() -> None:
        async with running(open_to_network(house, short, "127.0.0.1")) as hub:

            async def log_in(hops: str, password: str) -> int:
                headers = {"X-Forwarded-For": hops}
                return (await ask("POST", hub.page + "login", json={"password": password}, headers=headers))[0]

            forged = [await log_in(f"203.0.113.{n}, 192.0.2.7", f"wrong {n}") for n in range(6)]
            assert forged == [401] * 5 + [429]
            assert await log_in("192.0.2.8", PASSWORD) == 200
            assert await log_in("192.0.2.7, 2001:db8::7", PASSWORD) == 200

    run(story())

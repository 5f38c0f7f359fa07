"""Wrong passwords: how often somebody may guess, and what a guess costs."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from device.hub.web.auth import authenticator, password
from device.hub.web.auth.password import Password, write
from device.settings.schema import Settings
from tests.hub.hub_running import run, running
from tests.hub.web.builders import PASSWORD, ask, log_in, network_origin, open_to_network


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that is hashed, in order."""
    texts: list[str] = []
    real = Password.matches

    def record(self: Password, text: str) -> bool:
        texts.append(text)
        return real(self, text)

    monkeypatch.setattr(Password, "matches", record)
    return texts


# -- guesses


def test_an_address_has_to_wait_after_five_wrong_passwords(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            there = network_origin(hub)
            wrong = {"password": "wrong password"}
            before = await log_in(there)
            got = [(await ask("POST", there + "/login", json=wrong))[0] for _ in range(3)]
            bearer = {"Authorization": "Bearer wrong password"}
            got += [(await ask("GET", there + "/api/state", headers=bearer))[0] for _ in range(2)]
            assert got == [401] * 5
            once_more: tuple[dict[str, Any], ...] = (
                {"method": "POST", "url": there + "/login", "json": {"password": PASSWORD}},
                {"method": "POST", "url": there + "/login", "data": {"password": PASSWORD}},
                {"method": "GET", "url": there + "/api/state", "headers": {"Authorization": f"Bearer {PASSWORD}"}},
            )
            for again in once_more:
                status, _, headers = await ask(**again)
                assert status == 429, "the right one would tell that it is right"
                assert 50 <= int(headers["Retry-After"]) <= 60
            assert (await ask("GET", there + "/api/state", headers={"Cookie": before}))[0] == 200

    run(story())


def test_parallel_guesses_are_limited_too(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            url = network_origin(hub) + "/login"
            guesses = [ask("POST", url, json={"password": f"wrong password {n}"}) for n in range(25)]
            got = [status for status, _, _ in await asyncio.gather(*guesses)]
            assert (got.count(401), got.count(429)) == (5, 20)

    run(story())


def test_parallel_requests_with_one_password_are_one_attempt(
    house: Settings, short: Path, hashed: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    """A program with eight sensors requests all of them at the same moment."""

    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            url = network_origin(hub) + "/api/state"
            for password_given, status in ((PASSWORD, 200), ("wrong password", 401)):
                headers = {"Authorization": f"Bearer {password_given}"}
                got = await asyncio.gather(*(ask("GET", url, headers=headers) for _ in range(8)))
                assert {one[0] for one in got} == {status}

    run(story())
    # A request may come when the first is answered already; then the right one is known, and a wrong one counts.
    assert hashed.count(PASSWORD) == 1
    assert caplog.text.count("a wrong password") == hashed.count("wrong password") < 5


def test_the_right_password_does_not_count_as_an_attempt(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            url = network_origin(hub) + "/login"
            for _ in range(4):
                assert (await ask("POST", url, json={"password": "wrong password"}))[0] == 401
            await log_in(network_origin(hub))
            for _ in range(4):
                assert (await ask("POST", url, json={"password": "wrong password"}))[0] == 401
            for _ in range(8):
                await log_in(network_origin(hub))

    run(story())


def test_a_program_that_polls_costs_one_hash(house: Settings, short: Path, hashed: list[str]) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            url = network_origin(hub) + "/metrics"
            for name in ("Bearer", "bearer", "BEARER"):
                assert (await ask("GET", url, headers={"Authorization": f"{name} {PASSWORD}"}))[0] == 200
            for wrong in (f"Basic {PASSWORD}", "Bearer", "Bearer ", PASSWORD, f"Bearer {PASSWORD} "[:-2]):
                assert (await ask("GET", url, headers={"Authorization": wrong}))[0] == 401

    run(story())
    assert hashed == [PASSWORD, PASSWORD[:-1]]


def test_hashing_is_bounded_and_does_not_block_other_requests(
    house: Settings, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a hash of the real cost."""
    settings = open_to_network(house, short)
    write(Path(settings.kiosk.password_file), password.hash_password(PASSWORD))
    at_once, most = 0, 0
    real = Password.matches

    def watched(self: Password, text: str) -> bool:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        try:
            return real(self, text)
        finally:
            at_once -= 1

    monkeypatch.setattr(Password, "matches", watched)

    async def story() -> None:
        async with running(settings) as hub:
            there = network_origin(hub)
            wrong = ({"password": f"wrong one {n}"} for n in "1234")
            tries = [asyncio.create_task(ask("POST", there + "/login", json=one)) for one in wrong]
            took_s = []
            while not all(one.done() for one in tries):
                before_s = time.monotonic()
                assert (await ask("GET", hub.page + "api/state"))[0] == 200
                took_s.append(time.monotonic() - before_s)
                await asyncio.sleep(0.02)  # without a rest, a fast machine asks more often than an address may
            assert len(took_s) > 3
            assert sorted(took_s)[len(took_s) // 2] < 0.15

    run(story())
    assert most == authenticator.MAX_CONCURRENT

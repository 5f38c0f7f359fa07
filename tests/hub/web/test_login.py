"""Login and sessions."""

import asyncio
import hashlib
import json
import logging
import time
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import pytest

from device.hub.hub import Hub
from device.hub.web.auth import sessions
from device.hub.web.auth.password import write
from device.hub.web.auth.sessions import FILE_NAME, MAX_SESSIONS, SESSION_S
from device.hub.web.limits import WebLimits
from device.settings.schema import Settings
from device.system.clock import WallClock
from tests.hub.hub_running import run, running, until
from tests.hub.web.builders import PASSWORD, ask, hash_cheaply, log_in, network_origin, open_to_network

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def test_a_browser_logs_in_by_the_form(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            there = network_origin(hub)
            headers = {"Origin": there, "Accept": "text/html"}
            status, text, told = await ask("GET", there + "/login", headers=headers)
            assert status == 200
            assert 'type="password"' in text
            assert "form-action 'self'" in told["Content-Security-Policy"]
            assert "script-src 'none'" in told["Content-Security-Policy"]
            assert told["Referrer-Policy"] == "same-origin", "with no-referrer, a form's Origin is null"
            assert (await ask("GET", there + "/login.css"))[0] == 200
            status, text, told = await ask("POST", there + "/login", data={"password": "<b>wrong"}, headers=headers)
            assert status == 401
            assert "Wrong password." in text
            assert "<b>" not in text
            assert "Set-Cookie" not in told
            status, _, told = await ask("POST", there + "/login", data={"password": PASSWORD}, headers=headers)
            assert (status, told["Location"]) == (303, "/")
            cookie = SimpleCookie(told["Set-Cookie"])["mien"]
            assert len(cookie.value) >= 43
            assert cookie["httponly"]
            assert (cookie["samesite"], cookie["path"], cookie["max-age"]) == ("Strict", "/", str(SESSION_S))
            assert not cookie["secure"]
            assert not cookie["domain"]
            with_it = {"Cookie": f"mien={cookie.value}", "Accept": "text/html"}
            status, text, _ = await ask("GET", there + "/", headers=with_it)
            assert status == 200
            assert "main.js" in text
            assert (await ask("GET", there + "/login", headers=with_it))[2]["Location"] == "/"
            assert (await ask("GET", hub.page + "login"))[2]["Location"] == "/", "this device needs none"

    run(story())


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'{"password": 1}', "application/json", 400),
        (b'{"password": "calm lamps", "x": 1}', "application/json", 400),
        (b"[" * 4000, "application/json", 400),
        (b'{"password": "\\ud800"}', "application/json", 400),
        (b"", FORM["Content-Type"], 400),
        (b"password", FORM["Content-Type"], 400),
        (b"password=%ff%fe", FORM["Content-Type"], 400),
        (b"\xff=\xff", FORM["Content-Type"], 400),
        (b"a=1&b=1&c=1&d=1&password=calm+lamps", FORM["Content-Type"], 400),
        (b"password=" + b"x" * 3000, FORM["Content-Type"], 401),
        (b"password=%00", FORM["Content-Type"], 401),
        (b"password=calm+lamps", "text/plain", 415),
        (b"password=calm+lamps", "multipart/form-data; boundary=x", 415),
        (b"password=" + b"x" * 5000, FORM["Content-Type"], 413),
    ],
)
def test_malformed_logins_are_refused(house: Settings, short: Path, body: bytes, kind: str, status: int) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub:
            url = network_origin(hub) + "/login"
            got, _, headers = await ask("POST", url, data=body, headers={"Content-Type": kind})
            assert got == status
            assert "Set-Cookie" not in headers

    run(story())


def test_an_invented_cookie_gives_no_access(house: Settings, short: Path) -> None:
    async def story() -> None:
        settings = open_to_network(house, short)
        async with running(settings) as hub:
            url = network_origin(hub) + "/api/state"
            good = await log_in(network_origin(hub))
            stored = json.loads((settings.state_dir / FILE_NAME).read_text())[0]["token_sha256"]
            for cookie in (
                "mien=",
                "mien=x",
                good[:-1],
                good + "x",
                f"mien={stored}",
                'mien="',
                "mien=\xff",
                ";=;mien",
            ):
                assert (await ask("GET", url, headers={"Cookie": cookie}))[0] == 401, cookie
            assert (await ask("GET", url, headers={"Cookie": f"other=1; {good}; x={'y' * 3000}"}))[0] == 200

    run(story())


# -- sessions


def test_sessions_survive_a_restart_and_no_token_is_stored(house: Settings, short: Path) -> None:
    settings = open_to_network(house, short)
    path = settings.state_dir / FILE_NAME

    async def first() -> str:
        async with running(settings) as hub:
            return await log_in(network_origin(hub))

    cookie = run(first())
    token = cookie.partition("=")[2]
    assert hashlib.sha256(token.encode()).hexdigest() in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600
    for file in settings.state_dir.iterdir():
        assert token.encode() not in file.read_bytes()
        assert PASSWORD.encode() not in file.read_bytes()

    async def again(expected: int) -> None:
        async with running(settings) as hub:
            assert (await ask("GET", network_origin(hub) + "/api/state", headers={"Cookie": cookie}))[0] == expected

    run(again(200))
    good = path.read_text()
    old = json.loads(good)
    old[0]["since_utc_s"] = time.time() - SESSION_S - 60
    path.write_text(json.dumps(old))
    run(again(401))
    for text in ("nonsense", "", "{}", '[{"token_sha256": 1}]', "[" * 9999):
        path.write_text(text)
        run(again(401))
    path.write_text(good)
    run(again(200))
    write(Path(settings.kiosk.password_file), hash_cheaply("another password"))
    run(again(401))
    assert json.loads(path.read_text()) == []


def test_setting_the_clock_after_a_login_ends_only_old_sessions(
    house: Settings, short: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until a time server answers, a Pi has the time at which it was switched off: here two months ago."""
    settings = open_to_network(house, short)
    path = settings.state_dir / FILE_NAME
    behind_s = 60 * 86_400.0
    monkeypatch.setattr(sessions, "WallClock", lambda: WallClock(lambda: time.time() - behind_s))

    async def is_logged_in(hub: Hub, cookie: str) -> bool:
        status, _, _ = await ask("GET", network_origin(hub) + "/api/state", headers={"Cookie": cookie})
        return status == 200

    async def story() -> None:
        nonlocal behind_s
        async with running(settings, limits=WebLimits(reload_interval_s=0.1)) as hub:
            before = await log_in(network_origin(hub))
        async with running(settings, limits=WebLimits(reload_interval_s=0.1)) as hub:
            cookie = await log_in(network_origin(hub))
            assert await is_logged_in(hub, before)
            behind_s = 0.0
            assert await is_logged_in(hub, cookie)
            assert not await is_logged_in(hub, before), "the session may be as old as it looks"
            await until(lambda: json.loads(path.read_text())[-1]["since_utc_s"] == pytest.approx(time.time(), abs=30))
            behind_s = -(SESSION_S + 60)
            assert await is_logged_in(hub, cookie), "set again"
        behind_s = -2.0 * SESSION_S
        async with running(settings, limits=WebLimits(reload_interval_s=0.1)) as hub:
            assert not await is_logged_in(hub, cookie), "time that has passed"

    run(story())


def test_the_number_of_sessions_is_bounded_and_the_oldest_goes(house: Settings, short: Path) -> None:
    settings = open_to_network(house, short)

    async def story() -> None:
        async with running(settings) as hub:
            there = network_origin(hub)
            first = await log_in(there)
            path = settings.state_dir / FILE_NAME
            mark = json.loads(path.read_text())[0]["mark"]
        full = json.loads(path.read_text())
        full += [
            {"token_sha256": f"{n:064x}", "mark": mark, "since_utc_s": time.time()} for n in range(MAX_SESSIONS - 1)
        ]
        path.write_text(json.dumps(full))
        async with running(settings) as hub:
            there = network_origin(hub)
            assert (await ask("GET", there + "/api/state", headers={"Cookie": first}))[0] == 200
            second = await log_in(there)
            assert (await ask("GET", there + "/api/state", headers={"Cookie": second}))[0] == 200
            assert (await ask("GET", there + "/api/state", headers={"Cookie": first}))[0] == 401
        assert len(json.loads(path.read_text())) == MAX_SESSIONS

    run(story())


def test_logging_out_ends_the_session_and_its_streams(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(open_to_network(house, short)) as hub, aiohttp.ClientSession() as client:
            there = network_origin(hub)
            mine, other = await log_in(there), await log_in(there)
            async with (
                client.get(there + "/api/events", headers={"Cookie": mine}) as ended,
                client.get(there + "/api/events", headers={"Cookie": other}) as going,
            ):
                await until(lambda: hub.store.subscribers == 2)
                headers = {"Cookie": mine, "Origin": there}
                status, _, told = await ask("POST", there + "/logout", headers=headers)
                assert status == 200
                assert 'mien="";' in told["cookies"]
                with pytest.raises(aiohttp.ClientError):
                    async with asyncio.timeout(5):
                        await ended.read()
                await until(lambda: hub.store.subscribers == 1)
                assert await going.content.readline()
                assert (await ask("GET", there + "/api/state", headers={"Cookie": mine}))[0] == 401
                assert (await ask("GET", there + "/api/state", headers={"Cookie": other}))[0] == 200

    run(story())


def test_a_new_password_ends_every_session_at_once(
    house: Settings, short: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = open_to_network(house, short)
    path = Path(settings.kiosk.password_file)

    async def story() -> None:
        limits = WebLimits(reload_interval_s=0.05)
        async with running(settings, limits=limits) as hub, aiohttp.ClientSession() as client:
            there = network_origin(hub)
            cookie, bearer = await log_in(there), {"Authorization": f"Bearer {PASSWORD}"}

            async def status(**headers: str) -> int:
                return (await ask("GET", there + "/api/state", headers=headers))[0]

            assert await status(**bearer) == 200
            async with (
                client.get(there + "/api/events", headers={"Cookie": cookie}) as one,
                client.get(there + "/api/events", headers=bearer) as two,
            ):
                await until(lambda: hub.store.subscribers == 2)
                write(path, hash_cheaply("another password"))
                for stream in (one, two):
                    with pytest.raises(aiohttp.ClientError):
                        async with asyncio.timeout(5):
                            await stream.read()
            assert await status(Cookie=cookie) == 401
            assert await status(**bearer) == 401
            assert await status(Authorization="Bearer another password") == 200
            cookie = await log_in(there, "another password")
            kept = _replace(path, "half a file")
            await until(lambda: "nobody can log in" in caplog.text)
            assert await status(Cookie=cookie) == 401
            assert await status(Authorization="Bearer another password") == 401
            assert (await ask("GET", hub.page + "api/state"))[0] == 200
            _replace(path, kept)
            await until(lambda: caplog.text.count("password has changed") == 2)
            assert await status(Cookie=cookie) == 200

    with caplog.at_level(logging.INFO):
        run(story())


def _replace(path: Path, text: str) -> str:
    """Write the file; returns its old content."""
    before = path.read_text()
    path.write_text(text)
    return before

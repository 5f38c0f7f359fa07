"""kiosk.local_password: other users of this device see nothing, while its own screen and root's commands get in."""

import asyncio
import json
import os
import stat
from http.cookies import SimpleCookie
from pathlib import Path

import aiohttp
import msgspec
import pytest

from device.commands.hub_api import get_json
from device.errors import MienError, SettingsError
from device.hub.web.auth.local_key import FILE_NAME, LocalKey
from device.hub.web.auth.sessions import SESSION_S, Sessions
from device.settings.load import parse
from device.settings.schema import Settings
from tests.command_line import Mien
from tests.hub.hub_running import run, running
from tests.hub.web.builders import PASSWORD, get_port, network_origin, open_to_network
from tests.hub.web.client import ask

_PATHS = ("", "api/state", "api/history", "api/history.csv", "api/live", "api/events", "metrics", "healthz", "main.js")


def private(settings: Settings, folder: Path, **more: object) -> Settings:
    return open_to_network(settings, folder, "127.0.0.1", local_password=True, **more)


def test_without_the_password_this_device_sees_nothing(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(private(house, short)) as hub:
            for path in _PATHS:
                status, text, told = await ask("GET", hub.page + path, allow_redirects=False)
                assert status == 401, path
                assert set(json.loads(text)) == {"error"}
                assert told["WWW-Authenticate"] == "Bearer"
            html = {"Accept": "text/html"}
            status, _, told = await ask("GET", hub.page, headers=html, allow_redirects=False)
            assert (status, told["Location"]) == (303, "/login")
            command = {"feature": "camera", "value": "on"}
            assert (await ask("POST", hub.page + "api/command", json=command))[0] == 401
            assert (await ask("POST", hub.page + "login", json={"password": "wrong"}))[0] == 401
            assert (await ask("GET", hub.page + "start"))[0] == 200
            right = {"Authorization": f"Bearer {PASSWORD}"}
            assert (await ask("GET", hub.page + "api/state", headers=right))[0] == 200
            status, _, told = await ask("POST", hub.page + "login", json={"password": PASSWORD})
            assert status == 200
            token = SimpleCookie(told["Set-Cookie"])["mien"].value
            assert (await ask("GET", hub.page + "api/state", headers={"Cookie": f"mien={token}"}))[0] == 200

    run(story())


def test_the_key_is_for_root_and_the_user_of_hub_and_new_at_each_start(house: Settings, short: Path) -> None:
    settings = private(house, short)
    path = settings.state_dir / FILE_NAME
    keys = []

    async def story() -> None:
        for _ in range(2):
            async with running(settings) as hub:
                keys.append(path.read_text())
                assert stat.S_IMODE(path.stat().st_mode) == 0o600
                for key, status in ((keys[-1], 200), (keys[0], 200 if len(keys) == 1 else 401), ("", 401)):
                    headers = {"Authorization": f"Bearer {key}"}
                    assert (await ask("GET", hub.page + "api/state", headers=headers))[0] == status

    run(story())
    assert keys[0] != keys[1]
    assert len(keys[0]) == 64


def test_the_key_does_not_count_from_the_network_or_through_a_proxy(house: Settings, short: Path) -> None:
    async def story() -> None:
        settings = open_to_network(house, short, local_password=True)
        async with running(settings) as hub:
            key = {"Authorization": f"Bearer {(settings.state_dir / FILE_NAME).read_text()}"}
            assert (await ask("GET", hub.page + "api/state", headers=key))[0] == 200
            assert (await ask("GET", hub.page + "api/state", headers={**key, "X-Forwarded-For": "1.2.3.4"}))[0] == 401
            assert (await ask("GET", network_origin(hub) + "/api/state", headers=key))[0] == 401

    run(story())


def test_wrong_passwords_of_another_user_lock_neither_screen_nor_root_out(house: Settings, short: Path) -> None:
    async def story() -> None:
        settings = private(house, short)
        async with running(settings) as hub:
            codes = [(await ask("POST", hub.page + "login", json={"password": f"wrong {n}"}))[0] for n in range(8)]
            assert 429 in codes
            key = (settings.state_dir / FILE_NAME).read_text()
            bearer = {"Authorization": f"Bearer {key}"}
            assert (await ask("GET", hub.page + "api/state", headers=bearer))[0] == 200
            assert (await ask("POST", hub.page + "login", json={"password": key}))[0] == 200

    run(story())


def test_commands_get_in_by_the_key_and_say_who_may(house: Settings, short: Path) -> None:
    async def story() -> None:
        settings = private(house, short)
        async with running(settings) as hub:
            kiosk = msgspec.structs.replace(settings.kiosk, port=get_port(hub))
            here = msgspec.structs.replace(settings, kiosk=kiosk)
            state = await asyncio.to_thread(get_json, here, "/api/state")
            assert "sense" in state
            (settings.state_dir / FILE_NAME).unlink()  # what another user sees of it
            with pytest.raises(MienError, match=r"kiosk\.local_password\): run this as root"):
                await asyncio.to_thread(get_json, here, "/api/state")

    run(story())


def test_the_start_page_carries_the_key_for_its_owner_alone(mien: Mien, house: Settings, short: Path) -> None:
    (short / "kiosk").mkdir()
    if os.geteuid() == 0:
        os.chown(short / "kiosk", 65534, 65534)
    page, path = short / "kiosk" / "start.html", short / "mien.toml"
    text = f'[home]\nstate_dir = "{short}/state"\nruntime_dir = "{short}/run"\n[kiosk]\nport = 8199\n'
    path.write_text(text)
    words = ("--settings", path, "kiosk", "start-page", "--file", page)
    assert mien(*words).returncode == 0
    assert 'url=http://127.0.0.1:8199/"' in page.read_text()
    LocalKey(short / "state").create()
    path.write_text(text + f'local_password = true\npassword_file = "{short}/p"\n')
    assert mien(*words).returncode == 0
    key = (short / "state" / FILE_NAME).read_text()
    assert f'url=http://127.0.0.1:8199/start#{key}"' in page.read_text()
    status = page.stat()
    assert stat.S_IMODE(status.st_mode) == 0o600
    assert status.st_uid == (short / "kiosk").stat().st_uid


def test_the_session_of_the_screen_does_not_expire(short: Path) -> None:
    class Clock:
        utc_s = 0.0

        def read_jump_s(self) -> float:
            return 0.0

    async def story() -> None:
        clock = Clock()
        sessions = Sessions(short, clock)  # type: ignore[arg-type] # only what a session needs of a clock
        screen, phone = await sessions.create("p", is_kiosk=True), await sessions.create("p")
        clock.utc_s = 2.0 * SESSION_S
        for again in (sessions, Sessions(short, clock)):  # type: ignore[arg-type]
            assert again.find(screen, "p")
            assert not again.find(phone, "p")
            assert not again.find(screen, "another password")

    run(story())


def test_it_needs_a_password() -> None:
    with pytest.raises(SettingsError, match=r"kiosk\.local_password needs kiosk\.password_file"):
        parse("[kiosk]\nlocal_password = true\n", "mien.toml")


def test_a_cross_site_page_cannot_use_the_start_page(house: Settings, short: Path) -> None:
    async def story() -> None:
        async with running(private(house, short)) as hub, aiohttp.ClientSession() as client:
            theirs = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
            async with client.get(hub.page + "start", headers=theirs) as answer:
                assert answer.status == 403

    run(story())

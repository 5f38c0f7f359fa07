"""The web server over real HTTP."""

import asyncio
import json
import re
from pathlib import Path

import pytest
from aiohttp import web

from device.emotions import Emotion
from device.errors import MienError
from device.hub.web.routes import event_stream
from device.hub.web.server import WebServer
from device.ipc.messages import SetSwitch, Switch
from device.settings.schema import Kiosk, Settings
from tests.hub.hub_running import Sense, mood, run, running, state, until
from tests.hub.web.client import ask

KIOSK = Path(event_stream.__file__).parents[1] / "static"


def test_page_and_headers(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            for path, kind in (("", "text/html"), ("page.css", "text/css"), ("main.js", "javascript")):
                status, text, headers = await ask("GET", hub.page + path)
                assert status == 200
                assert kind in headers["Content-Type"]
                assert len(text) > 500
                assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
                assert headers["X-Content-Type-Options"] == "nosniff"
                assert headers["Referrer-Policy"] == "no-referrer"
            assert (await ask("GET", hub.page + "favicon.ico"))[0] == 204
            status, _, headers = await ask("GET", hub.page + "../service.py")
            assert status == 404
            assert "Content-Security-Policy" in headers

    run(story())


def test_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    page = (KIOSK / "page.html").read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)|\bstyle=|<style|\bon\w+=|https?://", page)
    for name in ("page.css", "main.js"):
        assert not re.search(r"https?://|@import|innerHTML", (KIOSK / name).read_text())


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.1:1", "localhost:8137", "[::1]:80", "LOCALHOST"])
def test_loopback_names_are_served(house: Settings, host: str) -> None:
    async def story() -> None:
        async with running(house) as hub:
            assert (await ask("GET", hub.page + "api/state", headers={"Host": host}))[0] == 200

    run(story())


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil", "", "a@127.0.0.1", "127.0.0.1:x"]
)
def test_foreign_names_are_refused(house: Settings, host: str) -> None:
    async def story() -> None:
        async with running(house) as hub:
            for path in ("", "api/state", "api/events", "healthz"):
                assert (await ask("GET", hub.page + path, headers={"Host": host}))[0] == 403

    run(story())


def test_health_says_whether_sense_is_there(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            status, text, _ = await ask("GET", hub.page + "healthz")
            assert status == 503
            assert json.loads(text)["problems"] == ["sense has not connected yet"]
            async with Sense(house):
                await until(lambda: hub.store.now.available)
                assert (await ask("GET", hub.page + "healthz"))[0] == 200

    run(story())


def test_state_has_all_that_there_is_to_show(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.last_rule and hub.store.now.delay_s)
            said = await state(hub)
            assert said["mood"]["emotion"] == "sad"
            assert list(said["mood"]["probabilities"]) == [
                "angry",
                "disgust",
                "fear",
                "happy",
                "sad",
                "surprise",
                "neutral",
            ]
            assert abs(said["mood"]["since"] - said["time"]) < 5
            assert said["sense"]["isolation"]["enforced"] is True
            assert said["sense"]["stages"]["camera"]["state"] == "ok"
            assert said["lamp"] == {"on": True, "colour": "#ffb46b", "brightness": 40}
            assert said["player"] == {"playing": True, "playlist": "calm", "volume": 50}
            assert said["last_rule"]["name"] == "comfort"
            assert said["last_rule"]["why"].startswith("sad 71 % for 0.")
            assert said["mqtt"] == {"configured": False, "connected": False, "health": ""}
            assert said["problems"] == []

    run(story())


def test_every_feature_is_listed_with_its_values(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.mood and hub.store.now.health)
            told = json.loads((await ask("GET", hub.page + "api/features"))[1])
            assert told["mood"]["value"] == "sad"
            assert told["camera"] == {"name": "Camera", "kind": "switch", "value": True, "takes_commands": True}
            assert told["hold_s"]["most"] == 60.0
            for key in (key for key, one in told.items() if one["takes_commands"]):
                answer = await ask("POST", hub.page + "api/command", json={"feature": key, "value": "nonsense"})
                assert answer[0] == 400

    run(story())


# -- commands


def test_commands_reach_sense(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub:
            url, origin = hub.page + "api/command", hub.page.rstrip("/")
            body = {"feature": "camera", "value": "OFF"}
            status, text, _ = await ask("POST", url, json=body | {"value": "ON"})
            assert status == 409
            assert "sense is away" in text
            async with Sense(house) as sense:
                await until(lambda: hub.store.now.available)
                assert (await ask("POST", url, json=body, headers={"Origin": origin}))[0] == 200
                assert (await ask("POST", url, json={"feature": "pause", "value": "ON"}))[0] == 200
                await until(lambda: SetSwitch(Switch.PAUSE, True) in sense.received)
                assert SetSwitch(Switch.CAMERA, False) in sense.received

    run(story())


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://localhost"])
def test_another_sites_page_cannot_send_commands(house: Settings, origin: str) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            await until(lambda: hub.store.now.available)
            body = {"feature": "camera", "value": "ON"}
            assert (await ask("POST", hub.page + "api/command", json=body, headers={"Origin": origin}))[0] == 403
            await asyncio.sleep(0.2)
            assert not [m for m in sense.received if isinstance(m, SetSwitch)]

    run(story())


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"feature": "camera", "value": "ON"}', "text/plain", 415),
        (b"", "application/json", 400),
        (b"nonsense", "application/json", 400),
        (b'{"feature": "explode", "value": "ON"}', "application/json", 400),
        (b'{"feature": "mood", "value": "happy"}', "application/json", 400),
        (b'{"feature": "camera", "value": "../on"}', "application/json", 400),
        (b'{"feature": "camera", "value": true}', "application/json", 400),
        (b'{"feature": "camera", "value": "ON", "x": 1}', "application/json", 400),
        (b"[" * 4000, "application/json", 400),
        (b" " * 100_000, "application/json", 413),
    ],
)
def test_malformed_commands_are_refused(house: Settings, body: bytes, kind: str, status: int) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            await until(lambda: hub.store.now.available)
            url = hub.page + "api/command"
            got, text, _ = await ask("POST", url, data=body, headers={"Content-Type": kind})
            assert got == status
            assert json.loads(text)["error"]
            assert not [m for m in sense.received if isinstance(m, SetSwitch)]

    run(story())


def test_history_over_http(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            seq = sense.change(mood(Emotion.SAD))
            await until(lambda: sense.last_ack() == seq)
            status, text, _ = await ask("GET", hub.page + "api/history?since=1h")
            assert status == 200
            assert [e["emotion"] for e in json.loads(text) if e["kind"] == "mood"] == ["sad"]
            assert (await ask("GET", hub.page + "api/history?since=lately"))[0] == 400
            house.state_dir.joinpath("history.sqlite3").write_bytes(b"nonsense" * 9999)
            house.state_dir.joinpath("history.sqlite3-wal").write_bytes(b"")
            status, text, _ = await ask("GET", hub.page + "api/history?since=1h")
            assert status == 503
            assert "cannot be read" in text

    run(story())


def test_an_error_in_a_route_is_logged_and_its_text_is_not_sent(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: web.Request) -> web.Response:
        raise MienError("an error that no route expects")

    async def story() -> None:
        server = WebServer(Kiosk(port=0), [web.get("/broken", fail)], tmp_path)
        page = await server.open()
        try:
            status, text, _ = await ask("GET", page + "broken")
        finally:
            await server.close()
        assert status == 500
        assert json.loads(text) == {"error": "the request failed on the device; see its log"}

    run(story())
    assert "page: a request failed; please report this" in caplog.text
    assert "an error that no route expects" in caplog.text

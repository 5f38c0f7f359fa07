"""Home Assistant over REST: an instance that keeps its lights, its token, and the way back."""

import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from device.destinations import CallService, HomeAssistant
from device.errors import ActionError
from device.hub.actions import DONE, Destinations, Occasion
from device.hub.actions.colour import xy
from device.hub.actions.home_assistant import HomeAssistantServices
from device.hub.actions.http import Http
from device.hub.actions.targets import repeatable, target_of
from tests.hub.actions.peers import WHY, Clock, Peer, Seen, busy, dropping, raw, said
from tests.hub.helpers import run

TOKEN = "eyJhbGciOiJIUzI1NiJ9.a-long-lived.token"  # noqa: S105
COLOUR = {"supported_color_modes": ["color_temp", "xy"], "brightness": 153, "color_mode": "color_temp"}
COLOUR |= {"color_temp_kelvin": 2700, "xy_color": [0.459, 0.411], "rgb_color": [255, 167, 89]}
LAMP = "light.lamp"


@dataclass
class Instance(Peer):
    """Lights by entity: state and attributes."""

    lights: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            LAMP: {"state": "on", **COLOUR},
            "light.dim": {"state": "on", "brightness": 100, "color_mode": "brightness"}
            | {"supported_color_modes": ["brightness"]},
            "light.plug": {"state": "on", "color_mode": "onoff", "supported_color_modes": ["onoff"]},
            "light.strip": {"state": "on", "brightness": 200, "color_mode": "rgbw", "xy_color": [0.4, 0.5]}
            | {"rgbw_color": [200, 100, 0, 40], "supported_color_modes": ["rgbw"]},
            "light.away": {"state": "unavailable"},
        }
    )

    async def answer(self, seen: Seen) -> web.Response:
        if seen.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text="401: Unauthorized")
        if seen.method == "GET":
            entity = seen.path.removeprefix("/api/states/")
            if entity not in self.lights:
                return said({"message": "Entity not found."}, 404)
            light = dict(self.lights[entity])
            state = light.pop("state")
            if state != "on":
                light = {name: light[name] for name in light if name in ("supported_color_modes", "entity_id")}
            return said({"entity_id": entity, "state": state, "attributes": light, "last_changed": "2026-11-21"})
        assert seen.headers["Content-Type"] == "application/json"
        if seen.path == "/api/services/light/turn_on":
            for entity in self.members(seen.json["entity_id"]):
                self.turn_on(self.lights[entity], seen.json)
        elif seen.path == "/api/services/light/turn_off":
            for entity in self.members(seen.json["entity_id"]):
                self.lights[entity]["state"] = "off"
        elif seen.path == "/api/services/light/none":
            return said({"message": "Service light.none not\nfound."}, 400)
        return said([{"entity_id": "light.x", "attributes": {"padding": "x" * 1000}}] * 200)

    def members(self, entity: str) -> list[str]:
        return [*self.lights[entity].get("entity_id", []), entity]

    def turn_on(self, light: dict[str, Any], about: dict[str, Any]) -> None:
        light["state"] = "on"
        modes = light.get("supported_color_modes", [])
        if modes == ["onoff"]:
            return
        if "brightness_pct" in about or "brightness" in about:
            light["brightness"] = about.get("brightness", round(about.get("brightness_pct", 0) * 2.55))
        if "color_temp_kelvin" in about and "color_temp" in modes:
            light |= {"color_mode": "color_temp", "color_temp_kelvin": about["color_temp_kelvin"]}
        if "effect" in about:
            light |= {"brightness": 3, "xy_color": [0.1, 0.1]}
        if point := self.point(about):
            if "xy" in modes:
                light |= {"color_mode": "xy", "xy_color": list(point), "color_temp_kelvin": None}
            elif "rgbw" in modes:
                light |= {"rgbw_color": [1, 2, 3, 4], "xy_color": list(point)}
        if "rgbw_color" in about and "rgbw" in modes:
            light |= {"rgbw_color": about["rgbw_color"], "xy_color": [0.4, 0.5]}

    def point(self, about: dict[str, Any]) -> Any:
        if "rgb_color" in about:
            return xy("#{:02x}{:02x}{:02x}".format(*about["rgb_color"]))
        return xy("#ff0000") if "hs_color" in about else about.get("xy_color")

    def calls(self) -> list[tuple[str, Any]]:
        return [(seen.path.removeprefix("/api/services/"), seen.json) for seen in self.seen if seen.method == "POST"]


class House:
    def __init__(self, there: HomeAssistant) -> None:
        self.clock, self.http = Clock(), Http()
        self.services = HomeAssistantServices(there, self.http, self.clock.roads(per_s=500.0))
        self.all = Destinations({CallService: self.services}, clock=self.clock)

    async def act(self, service: str, entity: str = "", rule: str = "a", keep: bool = True, **data: Any) -> str:
        self.clock.now_s += 20
        occasion = Occasion(rule, "", self.clock())
        return await self.all.run(CallService(service, entity, data), occasion, keep=keep)

    async def end(self, rule: str = "a") -> list[str]:
        self.clock.now_s += 20
        return await self.all.restore(rule)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{TOKEN}\n")
    return path


@asynccontextmanager
async def living(token_file: Path) -> AsyncIterator[tuple[Instance, House]]:
    async with Instance() as instance:
        house = House(HomeAssistant(f"http://{instance.host}/", str(token_file)))
        try:
            yield instance, house
        finally:
            await house.http.close()


def test_a_service_is_called_as_documented(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            assert house.services.state() == {}
            data: dict[str, Any] = {"brightness_pct": 40, "rgb_color": [255, 160, 0], "transition": 4}
            assert await house.act("light.turn_on", LAMP, keep=False, **data) == DONE
            assert await house.act("scene.apply", keep=False, entities={"light.x": "on"}) == DONE
            assert instance.calls() == [
                ("light/turn_on", {"entity_id": LAMP, **data}),
                ("scene/apply", {"entities": {"light.x": "on"}}),
            ]
            assert house.services.state() == {"service": "scene.apply", "entity": ""}

    run(story())


def test_what_is_refused_is_said_and_not_tried_again(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            assert await house.act("light.none") == (
                "Home Assistant: light.none was refused "
                "(answered 400: Service light.none not found.); does it have that?"
            )
            for answer in (busy(404), said([], 404), said({"message": 5}, 404), said({"message": "x" * 90_000}, 404)):
                instance.faults = [answer]
                result = await house.act("light.turn_on", keep=False)
                assert result == "Home Assistant: light.turn_on was refused (answered 404); does it have that?"
            assert len(instance.seen) == 5
            instance.faults = [busy(503, Retry_After="1")]
            assert await house.act("light.turn_on", LAMP, keep=False) == DONE

    run(story())


def test_the_token_is_read_anew_and_never_told(token_file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    def put(content: bytes | None) -> None:
        token_file.unlink(missing_ok=True)
        if content is not None:
            token_file.write_bytes(content)

    async def story() -> list[str]:
        async with living(token_file) as (_, house):
            results = []
            for content in (b"an-old-token", b"two\nlines", None, b"\xff\xfe", TOKEN.encode()):
                put(content)
                results.append(await house.act("light.turn_on", LAMP))
            return results

    old, lines, gone, binary, well = run(story())
    assert old == (
        "Home Assistant: the token is not taken (answered 401); make a long-lived one in your profile there, "
        f"and write it to {token_file}"
    )
    assert lines == f"{token_file}: Home Assistant's token should stand there alone, on one line"
    assert "cannot be read (No such file or directory)" in gone
    assert "cannot be read (not a text" in binary
    assert well == DONE
    for secret in (TOKEN, "an-old-token", "two\n"):
        assert secret not in caplog.text + old + lines


def test_what_must_not_happen_twice_is_called_once(token_file: Path) -> None:
    async def story() -> None:
        services: tuple[tuple[str, dict[str, Any], int], ...] = (
            ("light.toggle", {}, 1),
            ("light.turn_on", {"brightness_step_pct": 10}, 1),
            ("script.turn_on", {}, 1),
            ("light.turn_on", {}, 2),
        )
        for service, data, times in services:
            async with raw(dropping) as (port, came_s):
                house = House(HomeAssistant(f"http://127.0.0.1:{port}", str(token_file)))
                assert "the connection broke off" in await house.act(service, LAMP, keep=False, **data)
                assert min(len(came_s), 2) == times, service
                await house.http.close()

    run(story())


def test_which_services_bring_about_a_state() -> None:
    states = "light.turn_on light.turn_off media_player.play_media media_player.volume_set climate.set_temperature"
    events = (
        "light.toggle notify.me script.turn_on automation.turn_on media_player.volume_up media_player.media_next_track"
    )
    assert all(map(repeatable, states.split()))
    assert not any(map(repeatable, events.split()))
    assert target_of(CallService("light.turn_on", LAMP)) == target_of(CallService("light.turn_off", LAMP))
    volume, media = CallService("media_player.volume_set", "media_player.x"), "media_player.play_media"
    assert target_of(volume) != target_of(CallService(media, "media_player.x"))
    assert target_of(CallService("notify.me", "notify.me")) is None
    assert target_of(CallService("scene.turn_on")) is None


# -- the way back


@pytest.mark.parametrize(
    "data",
    [
        {"brightness_pct": 20},
        {"brightness": 10, "transition": 3},
        {"rgb_color": [255, 0, 0], "brightness_pct": 80},
        {"hs_color": [0, 100]},
        {"xy_color": [0.2, 0.1], "brightness_pct": 12},
        {"color_temp_kelvin": 6000, "brightness_pct": 100},
        {"brightness_pct": 0},
        {"effect": "party", "brightness_pct": 77},
        {},
    ],
)
@pytest.mark.parametrize("entity", [LAMP, "light.dim", "light.plug", "light.strip"])
@pytest.mark.parametrize("state", ["on", "off"])
def test_a_light_comes_back_as_it_was(token_file: Path, entity: str, data: dict[str, Any], state: str) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            light = instance.lights[entity]
            light["state"] = state
            before = json.loads(json.dumps(light))
            assert await house.act("light.turn_on", entity, **data) == DONE
            if data.get("brightness_pct") == 0:
                light["state"] = "off"
            assert await house.end() == [f"home_assistant {entity}: done"]
            assert light["state"] == state
            if state == "on":
                assert light.get("brightness") == before.get("brightness")
                assert light.get("rgbw_color") == before.get("rgbw_color")
                assert light.get("color_temp_kelvin") == before.get("color_temp_kelvin")
            if "transition" in data and instance.calls()[-1][0] != "light/turn_on":
                assert instance.calls()[-1][1]["transition"] == 3

    run(story())


def test_a_light_put_out_is_on_again(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            await house.act("light.turn_off", LAMP)
            assert instance.lights[LAMP]["state"] == "off"
            assert await house.end() == [f"home_assistant {LAMP}: done"]
            assert instance.calls()[-1] == (
                "light/turn_on",
                {"entity_id": LAMP, "brightness": 153, "color_temp_kelvin": 2700},
            )

    run(story())


@pytest.mark.parametrize(
    "hand", [{"state": "off"}, {"brightness": 30}, {"color_mode": "color_temp", "color_temp_kelvin": 4000}]
)
def test_a_hand_at_a_light_keeps_it(token_file: Path, hand: dict[str, Any]) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            await house.act("light.turn_on", LAMP, brightness_pct=50, rgb_color=[255, 160, 0])
            instance.lights[LAMP] |= hand
            calls = len(instance.calls())
            assert await house.end() == [f"home_assistant {LAMP}: left alone, it was changed since"]
            assert len(instance.calls()) == calls

    run(story())


def test_each_light_of_a_group_comes_back_for_itself(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            members = [LAMP, "light.dim", "light.away"]
            instance.lights["light.all"] = {"state": "on", "entity_id": members}
            instance.lights["light.dim"]["state"] = "off"
            await house.act("light.turn_on", "light.all", "a", brightness_pct=90)
            instance.lights["light.away"]["state"] = "unavailable"
            await house.act("light.turn_on", LAMP, "b", brightness_pct=10)
            assert await house.end("a") == ["home_assistant light.dim: done"]
            assert instance.lights["light.dim"]["state"] == "off"
            assert await house.end("b") == [f"home_assistant {LAMP}: done"]
            assert instance.lights[LAMP]["brightness"] == 153

    run(story())


def test_only_lights_that_say_how_they_are_come_back(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (_, house):
            for service, entity in (
                ("light.turn_on", "light.away"),
                ("light.turn_on", ""),
                ("light.toggle", LAMP),
                ("switch.turn_on", "switch.fan"),
            ):
                assert await house.services.former(CallService(service, entity)) == ()
            with pytest.raises(ActionError, match=r"light\.gone was refused \(answered 404: Entity not found\.\)"):
                await house.services.former(CallService("light.turn_on", "light.gone"))

    run(story())


@pytest.mark.parametrize(
    "document",
    [
        [],
        {"entity_id": LAMP},
        {"entity_id": LAMP, "state": 1},
        {"entity_id": "../secrets", "state": "on"},
        {"entity_id": LAMP, "state": "on", "attributes": {"brightness": "much"}},
        {"entity_id": LAMP, "state": "on", "attributes": {"entity_id": ["light.a/../../x"]}},
        {"entity_id": LAMP, "state": "on", "attributes": {"xy_color": [1] * 50}},
        {"entity_id": LAMP, "state": "on", "attributes": {"note": "x" * 70_000}},
    ],
)
def test_a_state_of_the_wrong_kind_is_an_error_and_the_light_still_goes_on(token_file: Path, document: Any) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            instance.faults = [said(document)]
            result = await house.act("light.turn_on", LAMP)
            assert result.startswith("done; it will not be brought back: Home Assistant: the answer is ")
            assert instance.lights[LAMP]["state"] == "on"

    run(story())


@pytest.mark.parametrize(
    "data", [{"rgb_color": "red"}, {"rgb_color": [1, 2]}, {"hs_color": [None, 2]}, {"transition": "slow"}]
)
def test_data_that_makes_no_sense_is_passed_on_as_it_is(token_file: Path, data: dict[str, Any]) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            (former,) = await house.services.former(CallService("light.turn_on", LAMP, data))
            assert former.asked.get("colour") is None
            await house.services.run(CallService("light.turn_on", "light.plug", data), WHY)
            assert instance.calls() == [("light/turn_on", {"entity_id": "light.plug", **data})]

    run(story())

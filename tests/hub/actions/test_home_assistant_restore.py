"""Restoring Home Assistant's lights: each on its own, alone or in a group, unless somebody changed it."""

import json
from pathlib import Path
from typing import Any

import pytest

from device.errors import ActionError
from device.hub.actions.base import DONE
from device.settings.actions.home_assistant import CallService
from tests.hub.actions.home_assistant_setup import LAMP, living
from tests.hub.actions.peers import WHY, json_response
from tests.hub.hub_running import run

# -- restoring


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


def test_a_light_that_was_switched_off_is_on_again(token_file: Path) -> None:
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
def test_a_light_that_somebody_changed_is_left_alone(token_file: Path, hand: dict[str, Any]) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            await house.act("light.turn_on", LAMP, brightness_pct=50, rgb_color=[255, 160, 0])
            instance.lights[LAMP] |= hand
            calls = len(instance.calls())
            assert await house.end() == [f"home_assistant {LAMP}: left alone, it was changed since"]
            assert len(instance.calls()) == calls

    run(story())


def test_each_light_of_a_group_is_restored_on_its_own(token_file: Path) -> None:
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


def test_each_light_of_a_nested_group_is_restored_on_its_own(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            instance.lights["light.room"] = {"state": "on", "entity_id": [LAMP, "light.dim"]}
            instance.lights["light.all"] = {"state": "on", "entity_id": ["light.room", "light.dim", "light.plug"]}
            await house.act("light.turn_on", LAMP, "a", xy_color=[0.68, 0.31])
            await house.act("light.turn_on", "light.all", "b", brightness_pct=90)
            assert await house.end("a") == []
            back = [f"home_assistant {light}: done" for light in (LAMP, "light.dim", "light.plug")]
            assert sorted(await house.end("b")) == sorted(back)
            assert instance.lights[LAMP]["brightness"] == 153
            assert instance.lights[LAMP]["color_temp_kelvin"] == 2700
            assert instance.lights["light.dim"]["brightness"] == 100

    run(story())


def test_only_lights_that_report_their_state_are_restored(token_file: Path) -> None:
    async def story() -> None:
        async with living(token_file) as (_, house):
            for service, entity in (
                ("light.turn_on", "light.away"),
                ("light.turn_on", ""),
                ("light.toggle", LAMP),
                ("switch.turn_on", "switch.fan"),
            ):
                assert await house.services.capture_state(CallService(service, entity)) == ()
            with pytest.raises(ActionError, match=r"light\.gone was refused \(answered 404: Entity not found\.\)"):
                await house.services.capture_state(CallService("light.turn_on", "light.gone"))

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
def test_a_malformed_state_is_an_error_and_the_light_still_turns_on(token_file: Path, document: Any) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            instance.faults = [json_response(document)]
            result = await house.act("light.turn_on", LAMP)
            assert result.startswith("done; it cannot be restored later: Home Assistant: the answer is ")
            assert instance.lights[LAMP]["state"] == "on"

    run(story())


@pytest.mark.parametrize(
    "data", [{"rgb_color": "red"}, {"rgb_color": [1, 2]}, {"hs_color": [None, 2]}, {"transition": "slow"}]
)
def test_data_that_makes_no_sense_is_passed_on_unchanged(token_file: Path, data: dict[str, Any]) -> None:
    async def story() -> None:
        async with living(token_file) as (instance, house):
            (previous,) = await house.services.capture_state(CallService("light.turn_on", LAMP, data))
            assert previous.requested.get("colour") is None
            await house.services.run(CallService("light.turn_on", "light.plug", data), WHY)
            assert instance.calls() == [("light/turn_on", {"entity_id": "light.plug", **data})]

    run(story())

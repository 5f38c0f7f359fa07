"""From a rule on one light to a rule on its group: at the end, every light has its state from before both."""

import asyncio
from collections.abc import Awaitable
from pathlib import Path
from typing import Any

import pytest

from device.emotions import Emotion
from device.hub.actions.base import DONE
from device.settings.actions.home_assistant import CallService, HomeAssistant
from device.settings.actions.hue import HueLight
from device.settings.schema import Settings
from tests.hub.actions.home_assistant_setup import COLOUR, LAMP, Instance
from tests.hub.actions.home_assistant_setup import living as at_home
from tests.hub.actions.hue_bridge import LAMP as BULB
from tests.hub.actions.hue_bridge import ROOM
from tests.hub.actions.hue_setup import Certificates, paired
from tests.hub.hub_running import Sense, mood, run, running, until
from tests.hub.hub_setup import living_room, results, rule

GROUP = "light.all"
RED: dict[str, Any] = {"xy_color": [0.68, 0.31]}
BLUE: dict[str, Any] = {"xy_color": [0.16, 0.05]}


async def both(one: Awaitable[Any], other: Awaitable[Any], *, turned: bool) -> None:
    await asyncio.gather(*((other, one) if turned else (one, other)))


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("to_group", [False, True])
@pytest.mark.parametrize("delay_s", [0.0, 0.02])
def test_between_a_light_of_home_assistant_and_its_group(
    token_file: Path, turned: bool, to_group: bool, delay_s: float
) -> None:
    async def story() -> None:
        async with at_home(token_file) as (instance, house):
            instance.delay_s = delay_s
            instance.lights[GROUP] = {"state": "on", "entity_id": [LAMP, "light.strip"]}
            first, second = (LAMP, GROUP) if to_group else (GROUP, LAMP)
            assert await house.act("light.turn_on", first, "a", **RED) == DONE
            house.clock.now_s += 60
            await both(house.end("a"), house.act("light.turn_on", second, "b", **BLUE), turned=turned)
            assert instance.lights[LAMP]["xy_color"] == BLUE["xy_color"]
            house.clock.now_s += 60
            await house.end("b")
            assert instance.lights[LAMP]["color_temp_kelvin"] == COLOUR["color_temp_kelvin"]
            assert instance.lights["light.strip"]["rgbw_color"] == [200, 100, 0, 40]

    run(story())


@pytest.mark.parametrize("turned", [False, True])
def test_between_a_hue_light_and_its_room(certificates: Certificates, tmp_path: Path, turned: bool) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lamp = house.bridge.lights[BULB]
            before = lamp.mirek
            assert await house.act(HueLight(light=BULB, brightness=90, colour="#ff0000"), "a", remember=True) == DONE
            house.clock.now_s += 60
            beginning = house.act(HueLight(group=ROOM, brightness=20, colour="#0000ff"), "b", remember=True)
            await both(house.end("a"), beginning, turned=turned)
            house.clock.now_s += 60
            await house.end("b")
            assert lamp.brightness == pytest.approx(60, abs=0.3)
            assert lamp.mirek == before

    run(story())


def test_in_a_running_hub_the_light_passes_on_and_is_restored(house: Settings, token_file: Path) -> None:
    async def story() -> None:
        async with Instance() as instance:
            instance.delay_s = 0.05
            instance.lights[GROUP] = {"state": "on", "entity_id": [LAMP]}
            alone = rule("one", Emotion.SAD, CallService("light.turn_on", LAMP, RED), restore=True)
            room = rule("all", Emotion.ANGRY, CallService("light.turn_on", GROUP, BLUE), restore=True)
            there = HomeAssistant(f"http://{instance.host}", str(token_file))
            mine = living_room(house, alone, room, home_assistant=there)
            light = instance.lights[LAMP]
            async with running(mine), Sense(mine) as sense:
                sense.change(mood(Emotion.SAD))
                await until(lambda: len(results(mine)) == 1 and light["xy_color"] == RED["xy_color"])
                sense.change(mood(Emotion.ANGRY))
                await until(lambda: len(results(mine)) >= 2 and light["xy_color"] == BLUE["xy_color"])
                sense.change(mood(Emotion.NEUTRAL))
                await until(lambda: ("all", "restore", f"home_assistant {LAMP}: done") in results(mine))
                assert light["color_temp_kelvin"] == COLOUR["color_temp_kelvin"]

    run(story())

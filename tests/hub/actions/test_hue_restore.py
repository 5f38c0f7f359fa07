"""Restoring a Hue bridge's lights: each on its own, alone or in a room, unless somebody changed it."""

from pathlib import Path

import pytest

from device.errors import ActionError
from device.hub.actions.base import DONE
from device.settings.actions.hue import HueLight
from tests.hub.actions.hue_bridge import FAR, HOME, LAMP, PLUG, ROOM, SCENE, STRIP, WHITE, ZONE
from tests.hub.actions.hue_bridge import Lamp as Bulb
from tests.hub.actions.hue_setup import Certificates, paired
from tests.hub.actions.peers import busy, json_response
from tests.hub.hub_running import run

# -- restoring


def test_a_light_comes_back_as_it_was(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lights = house.bridge.lights
            before = {rid: vars(bulb).copy() for rid, bulb in lights.items()}
            for rid in (LAMP, STRIP, WHITE, PLUG):
                action = HueLight(light=rid.upper(), brightness=100, colour="#00ff00")
                assert await house.act(action, remember=True) == DONE
                assert vars(lights[rid]) != before[rid] or rid == PLUG
                assert await house.end() == [f"hue light {rid}: done"]
                now = vars(lights[rid])
                assert now["brightness"] == pytest.approx(before[rid]["brightness"], abs=0.3)
                assert [now[name] for name in ("on", "mirek")] == [before[rid][name] for name in ("on", "mirek")]
            assert lights[STRIP].xy == (0.3, 0.3)

    run(story())


def test_a_light_that_was_off_is_off_again_and_one_switched_off_is_on_again(
    certificates: Certificates, tmp_path: Path
) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lamp = house.bridge.lights[LAMP]
            lamp.on = False
            await house.act(HueLight(light=LAMP, brightness=30), remember=True)
            assert lamp.on
            assert await house.end() == [f"hue light {LAMP}: done"]
            assert not lamp.on
            assert house.bridge.commands()[-1][1] == {"on": {"on": False}, "dynamics": {"duration": 1000}}
            lamp.on = True
            await house.act(HueLight(light=LAMP, brightness=0), remember=True)
            assert not lamp.on
            assert await house.end() == [f"hue light {LAMP}: done"]
            assert lamp.on

    run(story())


def test_a_light_that_somebody_changed_is_left_alone(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lamp = house.bridge.lights[LAMP]
            for hand in ({"brightness": 33.0}, {"on": False}, {"mirek": 200}, {"xy": (0.2, 0.1)}):
                await house.act(HueLight(light=LAMP, brightness=80, colour="#ff8000"), remember=True)
                for name, value in hand.items():
                    setattr(lamp, name, value)
                sent = len(house.bridge.commands())
                assert await house.end() == [f"hue light {LAMP}: left alone, it was changed since"], hand
                assert len(house.bridge.commands()) == sent

    run(story())


def test_each_light_of_a_room_is_restored_on_its_own(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lights = house.bridge.lights
            lights[LAMP].on = False
            lights[WHITE].brightness = 12.0
            await house.act(HueLight(group=ROOM, brightness=80, colour="#ff0000"), remember=True)
            assert lights[LAMP].on
            lights[STRIP].brightness = 5.0
            assert await house.end() == [
                f"hue light {LAMP}: done",
                f"hue light {STRIP}: left alone, it was changed since",
                f"hue light {WHITE}: done",
                f"hue light {PLUG}: done",
            ]
            assert not lights[LAMP].on
            assert lights[WHITE].brightness == pytest.approx(12, abs=0.3)
            assert lights[STRIP].brightness == 5.0
            assert [lights[FAR].brightness, lights[FAR].mirek] == [60.0, 366]

    run(story())


def test_a_zone_and_the_whole_house_are_resolved_to_their_lights(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            for group, lights in ((ZONE, [LAMP, FAR]), (HOME, list(house.bridge.lights))):
                states = await house.hue.capture_state(HueLight(group=group))
                assert [previous.target for previous in states] == [f"hue light {rid}" for rid in lights]
            house.bridge.faults = [json_response({"data": [], "errors": []})]
            assert await house.hue.capture_state(HueLight(group=ZONE)) == ()
            assert await house.hue.capture_state(HueLight(scene=SCENE)) == ()

    run(story())


def test_a_light_in_a_room_of_another_rule_returns_to_the_state_before_both(
    certificates: Certificates, tmp_path: Path
) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lamp = house.bridge.lights[LAMP]
            await house.act(HueLight(group=ZONE, brightness=80, colour="#ff0000"), "a", remember=True)
            await house.act(HueLight(light=LAMP, brightness=20), "b", remember=True)
            assert await house.end("a") == [f"hue light {FAR}: done"]
            assert lamp.brightness == pytest.approx(20, abs=0.3)
            assert await house.end("b") == [f"hue light {LAMP}: done"]
            assert (lamp.on, lamp.mirek) == (True, 366)
            assert lamp.brightness == pytest.approx(60, abs=0.3)

    run(story())


def test_a_bridge_that_is_away_at_the_end_is_tried_again_later(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            await house.act(HueLight(light=LAMP, brightness=20), remember=True)
            house.bridge.faults = [busy(503) for _ in range(20)]
            (line,) = await house.end()
            assert line.startswith(f"hue light {LAMP}: not restored: Hue bridge 127.0.0.1: busy (answered 503); tried")
            house.bridge.faults.clear()
            assert await house.end() == [f"hue light {LAMP}: done"]
            assert house.bridge.lights[LAMP].brightness == pytest.approx(60, abs=0.3)

    run(story())


def test_the_list_of_many_lights_may_be_long(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            house.bridge.lights |= {f"{n:08d}-1111-4222-8333-555555555555": Bulb() for n in range(250)}
            assert len(await house.hue.capture_state(HueLight(group=HOME))) == 255
            house.bridge.lights |= {f"{n:08d}-1111-4222-8333-666666666666": Bulb() for n in range(4000)}
            with pytest.raises(ActionError, match="longer than 1048576 bytes"):
                await house.hue.capture_state(HueLight(group=HOME))

    run(story())


@pytest.mark.parametrize("rid", ["../../../api", "x", LAMP + "/../scene"])
def test_an_invalid_id_never_becomes_part_of_an_address(certificates: Certificates, tmp_path: Path, rid: str) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            house.bridge.faults = [json_response({"data": [{"owner": {"rid": rid, "rtype": "room"}}]})]
            with pytest.raises(ActionError, match="not understood"):
                await house.hue.capture_state(HueLight(group=ROOM))
            assert len(house.bridge.requests) == 1

    run(story())

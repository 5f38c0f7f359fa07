"""A Hue bridge over TLS: the commands, the pinned certificate, and the limits."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from device.errors import ActionError
from device.hub.actions.base import DONE
from device.hub.actions.colour import rgb_to_xy
from device.hub.actions.hue.bridge import HueBridge
from device.hub.actions.hue.pairing import pair, write_key
from device.settings.actions.hue import Hue, HueLight
from tests.hub.actions.hue_bridge import KEY, LAMP, ROOM, SCENE, Bridge
from tests.hub.actions.hue_setup import Certificates, House, paired
from tests.hub.actions.peers import WHY, Clock, busy, json_response
from tests.hub.hub_running import run

# -- commands


def test_commands_are_as_documented(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            assert await house.act(HueLight(light=LAMP, brightness=40, colour="#ffb46b", transition_s=4)) == DONE
            assert house.hue.state() == {"light": LAMP, "brightness": 40, "colour": "#ffb46b"}
            assert await house.act(HueLight(light=LAMP, brightness=0, colour="#ff0000")) == DONE
            assert await house.act(HueLight(group=ROOM, brightness=70)) == DONE
            assert house.hue.state() == {"group": ROOM, "brightness": 70, "colour": ""}
            assert await house.act(HueLight(scene=SCENE)) == DONE
            assert house.hue.state() == {"scene": SCENE}
            x, y = rgb_to_xy("#ffb46b")
            dim = {"on": {"on": True}, "dimming": {"brightness": 40}, "color": {"xy": {"x": x, "y": y}}}
            room = {"on": {"on": True}, "dimming": {"brightness": 70}, "dynamics": {"duration": 2000}}
            assert house.bridge.commands() == [
                (f"light/{LAMP}", dim | {"dynamics": {"duration": 4000}}),
                (f"light/{LAMP}", {"on": {"on": False}, "dynamics": {"duration": 2000}}),
                (f"grouped_light/{ROOM}", room),
                (f"scene/{SCENE}", {"recall": {"action": "active", "duration": 2000}}),
            ]
            assert all(request.headers["hue-application-key"] == KEY for request in house.bridge.requests)

    run(story())


def test_a_refusal_of_the_bridge_is_reported(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            gone = LAMP.replace("1", "9")
            assert await house.act(HueLight(light=gone)) == f"Hue bridge 127.0.0.1: there is no light {gone} (any more)"
            why = {"errors": [{"description": "device (light) has communication\nissues"}], "data": []}
            house.bridge.faults = [json_response(why, 207)]
            assert await house.act(HueLight(light=LAMP)) == (
                f"Hue bridge 127.0.0.1: light {LAMP}: device (light) has communication issues"
            )
            house.bridge.faults = [json_response({}, 400)]
            assert await house.act(HueLight(light=LAMP)) == f"Hue bridge 127.0.0.1: light {LAMP}: answered 400"
            nonsense: Any
            for nonsense in ([], {"errors": "all"}, {"data": [], "errors": [{"description": 7}]}):
                house.bridge.faults = [json_response(nonsense)]
                assert "the answer is not understood" in await house.act(HueLight(light=LAMP))
            house.bridge.faults = [busy(429), busy(503)]
            assert await house.act(HueLight(light=LAMP)) == DONE
            for data in (None, {"rid": LAMP}, "ok"):
                house.bridge.faults = [json_response({"data": data, "errors": []})]
                assert await house.act(HueLight(light=LAMP)) == DONE, "of a PUT, only the errors matter"

    run(story())


def test_a_rejected_key_asks_to_pair_again(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path, key="an-old-key") as house:
            said_ = await house.act(HueLight(light=LAMP))
            assert said_.endswith("hue.json is not accepted; pair again: mien hue pair 127.0.0.1")
            assert "an-old-key" not in said_

    run(story())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "not JSON",
        '{"application_key": "abc", "certificate_sha256": "12"}',
        "x\n\ny",
        "x" * 70_000,
        "[" * 60_000,
    ],
)
def test_a_broken_key_file_is_reported_without_its_content(
    certificates: Certificates, tmp_path: Path, text: str
) -> None:
    path = tmp_path / "hue.json"
    path.write_text(text)

    async def story() -> str:
        async with Bridge(certificates[0]) as bridge:
            house = House(bridge, path, Clock())
            result = await house.act(HueLight(light=LAMP))
            assert bridge.requests == []
            await house.http.close()
            return result

    result = run(story())
    assert result.startswith(f"{path}: ")
    assert "xxx" not in result
    assert "abc" not in result


def test_a_missing_key_file_is_reported_with_its_path(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> str:
        async with Bridge(certificates[0]) as bridge:
            return await House(bridge, tmp_path / "none.json", Clock()).act(HueLight(light=LAMP))

    assert "none.json: the Hue bridge's key cannot be read (No such file or directory)" in run(story())


# -- the pinned certificate


def test_nothing_is_sent_to_a_server_with_another_certificate(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            assert await house.act(HueLight(light=LAMP)) == DONE
            port = house.bridge.port
            await house.bridge.__aexit__()
            async with Bridge(certificates[1], port=port) as stranger:
                result = await house.act(HueLight(light=LAMP))
                assert result == (
                    "Hue bridge 127.0.0.1: shows another certificate than the one that was pinned; nothing was sent"
                )
                assert stranger.requests == []

    run(story())


def test_no_byte_goes_to_an_impostor(certificates: Certificates, tmp_path: Path) -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read())
        writer.close()

    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=certificates[1])
            port = server.sockets[0].getsockname()[1]
            hue = HueBridge(
                Hue("127.0.0.1", port, str(tmp_path / "hue.json")), house.http, house.clock.make_deliveries()
            )
            with pytest.raises(ActionError, match="another certificate"):
                await hue.run(HueLight(light=LAMP), WHY)
            with pytest.raises(ActionError, match="another certificate"):
                await hue.capture_state(HueLight(light=LAMP))
            await asyncio.sleep(0.05)
            server.close()

    run(story())
    assert heard == b""


def test_a_bridge_without_tls_gets_nothing(tmp_path: Path) -> None:
    async def story() -> None:
        async with Bridge() as plain:
            path = tmp_path / "hue.json"
            path.write_text(json.dumps({"application_key": KEY, "certificate_sha256": "ab" * 32}))
            house = House(plain, path, Clock())
            assert "no secure connection" in await house.act(HueLight(light=LAMP))
            assert plain.requests == []
            await house.http.close()

    run(story())


def test_pairing_again_needs_no_restart(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[1], tmp_path) as other, Bridge(certificates[0]) as bridge:
            house = House(bridge, tmp_path / "hue.json", Clock())
            assert "another certificate" in await house.act(HueLight(light=LAMP))
            bridge.pressed = True
            write_key(tmp_path / "hue.json", await pair("127.0.0.1", bridge.port))
            assert await house.act(HueLight(light=LAMP)) == DONE
            assert other.bridge.commands() == []
            await house.http.close()

    run(story())


# -- limits


def test_limits_are_ten_lights_and_one_group_a_second_and_three_at_a_time(
    certificates: Certificates, tmp_path: Path
) -> None:
    async def story() -> list[tuple[str, float]]:
        async with paired(certificates[0], tmp_path) as house:
            lights = [house.hue.run(HueLight(light=LAMP, brightness=n + 1), WHY) for n in range(13)]
            groups = [house.hue.run(HueLight(group=ROOM, brightness=n + 1), WHY) for n in range(3)]
            await asyncio.gather(*lights, *groups)
            assert house.bridge.most_at_once <= 3
            return [(request.path, request.time_s) for request in house.bridge.requests]

    arrived = run(story())
    groups_s = [at_s for path, at_s in arrived if "grouped_light" in path]
    assert min(later - earlier for earlier, later in itertools.pairwise(groups_s)) > 0.9
    all_s = [at_s for _, at_s in arrived]
    assert len(all_s) == 16
    assert max(sum(start <= at_s < start + 1 for at_s in all_s) for start in all_s) <= 10


def test_a_slow_bridge_gets_three_at_a_time(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            house.bridge.delay_s = 0.5
            await asyncio.gather(*(house.hue.run(HueLight(light=LAMP, brightness=n + 1), WHY) for n in range(6)))
            assert house.bridge.most_at_once == 3
            assert len(house.bridge.requests) == 6

    run(story())

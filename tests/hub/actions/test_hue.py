"""A Hue bridge over TLS: what it is sent, whom nothing is sent to, its limits, and the way back."""

import asyncio
import contextlib
import hashlib
import itertools
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from device.destinations import Hue, HueLight
from device.errors import ActionError
from device.hub.actions import DONE, Destinations, Occasion
from device.hub.actions.colour import xy
from device.hub.actions.http import Http
from device.hub.actions.hue import HueBridge
from device.hub.actions.hue_pairing import fingerprint, pair, write_key
from tests.hub.actions.hue_bridge import FAR, HOME, KEY, LAMP, PLUG, ROOM, SCENE, STRIP, WHITE, ZONE, Bridge
from tests.hub.actions.hue_bridge import Lamp as Bulb
from tests.hub.actions.peers import WHY, Clock, busy, dropping, raw, said
from tests.hub.helpers import run

Certificates = tuple[ssl.SSLContext, ssl.SSLContext]


class House:
    """A bridge, and Mien paired with it."""

    def __init__(self, bridge: Bridge, key_file: Path, clock: Clock) -> None:
        self.bridge, self.clock = bridge, clock
        self.http = Http()
        self.hue = HueBridge(Hue("127.0.0.1", bridge.port, str(key_file)), self.http, clock.roads())
        self.all = Destinations({HueLight: self.hue}, clock=clock)

    async def act(self, action: HueLight, rule: str = "comfort", *, keep: bool = False) -> str:
        self.clock.now_s += 10
        return await self.all.run(action, Occasion(rule, "", self.clock()), keep=keep)

    async def end(self, rule: str = "comfort") -> list[str]:
        self.clock.now_s += 10
        return await self.all.restore(rule)


@contextlib.asynccontextmanager
async def paired(tls: ssl.SSLContext, tmp_path: Path, key: str = KEY) -> AsyncIterator[House]:
    async with Bridge(tls) as bridge:
        path = tmp_path / "hue.json"
        document = {"application_key": key, "certificate_sha256": await fingerprint("127.0.0.1", bridge.port)}
        path.write_text(json.dumps(document))
        house = House(bridge, path, Clock())
        try:
            yield house
        finally:
            await house.http.close()


# -- what it is sent


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
            x, y = xy("#ffb46b")
            dim = {"on": {"on": True}, "dimming": {"brightness": 40}, "color": {"xy": {"x": x, "y": y}}}
            room = {"on": {"on": True}, "dimming": {"brightness": 70}, "dynamics": {"duration": 2000}}
            assert house.bridge.commands() == [
                (f"light/{LAMP}", dim | {"dynamics": {"duration": 4000}}),
                (f"light/{LAMP}", {"on": {"on": False}, "dynamics": {"duration": 2000}}),
                (f"grouped_light/{ROOM}", room),
                (f"scene/{SCENE}", {"recall": {"action": "active", "duration": 2000}}),
            ]
            assert all(seen.headers["hue-application-key"] == KEY for seen in house.bridge.seen)

    run(story())


def test_what_the_bridge_refuses_is_said(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            gone = LAMP.replace("1", "9")
            assert await house.act(HueLight(light=gone)) == f"Hue bridge 127.0.0.1: there is no light {gone} (any more)"
            why = {"errors": [{"description": "device (light) has communication\nissues"}], "data": []}
            house.bridge.faults = [said(why, 207)]
            assert await house.act(HueLight(light=LAMP)) == (
                f"Hue bridge 127.0.0.1: light {LAMP}: device (light) has communication issues"
            )
            house.bridge.faults = [said({}, 400)]
            assert await house.act(HueLight(light=LAMP)) == f"Hue bridge 127.0.0.1: light {LAMP}: answered 400"
            nonsense: Any
            for nonsense in ([], {"errors": "all"}, {"data": [], "errors": [{"description": 7}]}):
                house.bridge.faults = [said(nonsense)]
                assert "the answer is not understood" in await house.act(HueLight(light=LAMP))
            house.bridge.faults = [busy(429), busy(503)]
            assert await house.act(HueLight(light=LAMP)) == DONE

    run(story())


def test_a_key_that_is_not_taken_says_to_pair_again(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path, key="an-old-key") as house:
            said_ = await house.act(HueLight(light=LAMP))
            assert said_.endswith("hue.json is not taken; pair again: mien hue pair 127.0.0.1")
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
def test_a_broken_key_file_is_said_without_its_content(certificates: Certificates, tmp_path: Path, text: str) -> None:
    path = tmp_path / "hue.json"
    path.write_text(text)

    async def story() -> str:
        async with Bridge(certificates[0]) as bridge:
            house = House(bridge, path, Clock())
            result = await house.act(HueLight(light=LAMP))
            assert bridge.seen == []
            await house.http.close()
            return result

    result = run(story())
    assert result.startswith(f"{path}: ")
    assert "xxx" not in result
    assert "abc" not in result


def test_no_key_file_says_where_it_was_looked_for(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> str:
        async with Bridge(certificates[0]) as bridge:
            return await House(bridge, tmp_path / "none.json", Clock()).act(HueLight(light=LAMP))

    assert "none.json: the Hue bridge's key cannot be read (No such file or directory)" in run(story())


# -- whom nothing is sent to


def test_nothing_is_sent_to_whoever_shows_another_certificate(certificates: Certificates, tmp_path: Path) -> None:
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
                assert stranger.seen == []

    run(story())


def test_not_a_byte_goes_to_a_stranger(certificates: Certificates, tmp_path: Path) -> None:
    heard = bytearray()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.extend(await reader.read())
        writer.close()

    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            server = await asyncio.start_server(listen, "127.0.0.1", 0, ssl=certificates[1])
            port = server.sockets[0].getsockname()[1]
            hue = HueBridge(Hue("127.0.0.1", port, str(tmp_path / "hue.json")), house.http, house.clock.roads())
            with pytest.raises(ActionError, match="another certificate"):
                await hue.run(HueLight(light=LAMP), WHY)
            with pytest.raises(ActionError, match="another certificate"):
                await hue.former(HueLight(light=LAMP))
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
            assert "no safe connection" in await house.act(HueLight(light=LAMP))
            assert plain.seen == []
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


def test_ten_lights_and_one_group_a_second_and_three_at_a_time(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> list[tuple[str, float]]:
        async with paired(certificates[0], tmp_path) as house:
            lights = [house.hue.run(HueLight(light=LAMP, brightness=n + 1), WHY) for n in range(13)]
            groups = [house.hue.run(HueLight(group=ROOM, brightness=n + 1), WHY) for n in range(3)]
            await asyncio.gather(*lights, *groups)
            assert house.bridge.most_at_once <= 3
            return [(seen.path, seen.time_s) for seen in house.bridge.seen]

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
            assert len(house.bridge.seen) == 6

    run(story())


# -- the way back


def test_a_light_comes_back_as_it_was(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lights = house.bridge.lights
            before = {rid: vars(bulb).copy() for rid, bulb in lights.items()}
            for rid in (LAMP, STRIP, WHITE, PLUG):
                action = HueLight(light=rid.upper(), brightness=100, colour="#00ff00")
                assert await house.act(action, keep=True) == DONE
                assert vars(lights[rid]) != before[rid] or rid == PLUG
                assert await house.end() == [f"hue light {rid}: done"]
                now = vars(lights[rid])
                assert now["brightness"] == pytest.approx(before[rid]["brightness"], abs=0.3)
                assert [now[name] for name in ("on", "mirek")] == [before[rid][name] for name in ("on", "mirek")]
            assert lights[STRIP].xy == (0.3, 0.3)

    run(story())


def test_a_light_that_was_off_is_off_again_and_one_put_out_is_on_again(
    certificates: Certificates, tmp_path: Path
) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lamp = house.bridge.lights[LAMP]
            lamp.on = False
            await house.act(HueLight(light=LAMP, brightness=30), keep=True)
            assert lamp.on
            assert await house.end() == [f"hue light {LAMP}: done"]
            assert not lamp.on
            assert house.bridge.commands()[-1][1] == {"on": {"on": False}, "dynamics": {"duration": 1000}}
            lamp.on = True
            await house.act(HueLight(light=LAMP, brightness=0), keep=True)
            assert not lamp.on
            assert await house.end() == [f"hue light {LAMP}: done"]
            assert lamp.on

    run(story())


def test_a_hand_at_a_light_keeps_it(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lamp = house.bridge.lights[LAMP]
            for hand in ({"brightness": 33.0}, {"on": False}, {"mirek": 200}, {"xy": (0.2, 0.1)}):
                await house.act(HueLight(light=LAMP, brightness=80, colour="#ff8000"), keep=True)
                for name, value in hand.items():
                    setattr(lamp, name, value)
                sent = len(house.bridge.commands())
                assert await house.end() == [f"hue light {LAMP}: left alone, it was changed since"], hand
                assert len(house.bridge.commands()) == sent

    run(story())


def test_each_light_of_a_room_comes_back_for_itself(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lights = house.bridge.lights
            lights[LAMP].on = False
            lights[WHITE].brightness = 12.0
            await house.act(HueLight(group=ROOM, brightness=80, colour="#ff0000"), keep=True)
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


def test_a_zone_and_the_whole_house_are_their_lights(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            for group, lights in ((ZONE, [LAMP, FAR]), (HOME, list(house.bridge.lights))):
                formers = await house.hue.former(HueLight(group=group))
                assert [former.target for former in formers] == [f"hue light {rid}" for rid in lights]
            house.bridge.faults = [said({"data": [], "errors": []})]
            assert await house.hue.former(HueLight(group=ZONE)) == ()
            assert await house.hue.former(HueLight(scene=SCENE)) == ()

    run(story())


def test_a_light_in_a_room_of_another_rule_goes_back_to_what_was_before_both(
    certificates: Certificates, tmp_path: Path
) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            lamp = house.bridge.lights[LAMP]
            await house.act(HueLight(group=ZONE, brightness=80, colour="#ff0000"), "a", keep=True)
            await house.act(HueLight(light=LAMP, brightness=20), "b", keep=True)
            assert await house.end("a") == [f"hue light {FAR}: done"]
            assert lamp.brightness == pytest.approx(20, abs=0.3)
            assert await house.end("b") == [f"hue light {LAMP}: done"]
            assert (lamp.on, lamp.mirek) == (True, 366)
            assert lamp.brightness == pytest.approx(60, abs=0.3)

    run(story())


def test_a_bridge_that_is_away_at_the_end_is_asked_again_the_next_time(
    certificates: Certificates, tmp_path: Path
) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            await house.act(HueLight(light=LAMP, brightness=20), keep=True)
            house.bridge.faults = [busy(503) for _ in range(20)]
            (line,) = await house.end()
            assert line.startswith(
                f"hue light {LAMP}: not brought back: Hue bridge 127.0.0.1: busy (answered 503); tried"
            )
            house.bridge.faults.clear()
            assert await house.end() == [f"hue light {LAMP}: done"]
            assert house.bridge.lights[LAMP].brightness == pytest.approx(60, abs=0.3)

    run(story())


def test_many_lights_are_more_than_a_small_answer(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            house.bridge.lights |= {f"{n:08d}-1111-4222-8333-555555555555": Bulb() for n in range(250)}
            assert len(await house.hue.former(HueLight(group=HOME))) == 255
            house.bridge.lights |= {f"{n:08d}-1111-4222-8333-666666666666": Bulb() for n in range(4000)}
            with pytest.raises(ActionError, match="longer than 1048576 bytes"):
                await house.hue.former(HueLight(group=HOME))

    run(story())


@pytest.mark.parametrize("rid", ["../../../api", "x", LAMP + "/../scene"])
def test_an_id_that_is_none_never_becomes_an_address(certificates: Certificates, tmp_path: Path, rid: str) -> None:
    async def story() -> None:
        async with paired(certificates[0], tmp_path) as house:
            house.bridge.faults = [said({"data": [{"owner": {"rid": rid, "rtype": "room"}}]})]
            with pytest.raises(ActionError, match="not understood"):
                await house.hue.former(HueLight(group=ROOM))
            assert len(house.bridge.seen) == 1

    run(story())


# -- pairing


def test_pairing_waits_for_the_button_and_pins_the_certificate(certificates: Certificates, tmp_path: Path) -> None:
    async def story() -> None:
        async with Bridge(certificates[0]) as bridge:
            waited = 0

            async def sleep(seconds: float) -> None:
                nonlocal waited
                waited += 1
                bridge.pressed = waited == 3
                if waited == 2:
                    bridge.faults = [busy(503)]

            key = await pair("127.0.0.1", bridge.port, sleep=sleep)
            der = ssl.PEM_cert_to_DER_cert(
                await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", bridge.port))
            )
            assert (key.application_key, key.certificate_sha256) == (KEY, hashlib.sha256(der).hexdigest())
            assert bridge.asked_to_pair == 3
            path = tmp_path / "new" / "hue.json"
            write_key(path, key)
            assert json.loads(path.read_text()) == {
                "application_key": KEY,
                "certificate_sha256": key.certificate_sha256,
            }
            assert path.stat().st_mode & 0o777 == 0o600
            assert [one.name for one in path.parent.iterdir()] == ["hue.json"]

    run(story())


def test_a_button_that_nobody_presses_ends_the_pairing(certificates: Certificates, clock: Clock) -> None:
    async def story() -> None:
        async with Bridge(certificates[0]) as bridge:
            with pytest.raises(ActionError, match=r"not paired within 30 s, nothing was written: its button was not"):
                await pair("127.0.0.1", bridge.port, sleep=clock.sleep)
            assert bridge.asked_to_pair == 30
            assert sum(clock.slept_s) == 30

    run(story())


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ([{"error": {"type": 7, "description": "invalid\nvalue"}}], "does not pair: invalid value"),
        ([{"error": {"type": 7}}], "does not pair: no reason given"),
        ([], "does not pair: neither a key nor an error"),
        ([{"success": {"username": "two\nlines"}}], "not understood"),
        ([{"success": {"username": 5}}], "not understood"),
        ({"success": {}}, "not understood"),
    ],
)
def test_a_bridge_that_does_not_pair_is_said(certificates: Certificates, answer: Any, message: str) -> None:
    async def story() -> None:
        async with Bridge(certificates[0]) as bridge:
            bridge.faults = [said(answer)]
            with pytest.raises(ActionError, match=message):
                await pair("127.0.0.1", bridge.port)

    run(story())


def test_pairing_with_nobody_or_with_something_else_is_said() -> None:
    async def story() -> None:
        with pytest.raises(ActionError, match=r"cannot be reached on port 70000"):
            await pair("127.0.0.1", 70_000)
        async with raw(dropping) as (port, _):
            with pytest.raises(ActionError, match=rf"Hue bridge 127\.0\.0\.1: cannot be reached on port {port}"):
                await pair("127.0.0.1", port)

    run(story())


def test_a_key_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    from device.hub.actions.hue import Key

    (tmp_path / "file").write_text("")
    with pytest.raises(ActionError, match="the key cannot be written"):
        write_key(tmp_path / "file" / "hue.json", Key(KEY, "ab" * 32))
    (tmp_path / "folder").mkdir()
    with pytest.raises(ActionError, match="the key cannot be written") as caught:
        write_key(tmp_path / "folder", Key(KEY, "ab" * 32))
    assert KEY not in str(caught.value)
    assert sorted(one.name for one in tmp_path.iterdir()) == ["file", "folder"]

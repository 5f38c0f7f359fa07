"""A fake WLED strip with the state of a real one: commands, and restoring."""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import pytest
from aiohttp import web

from device.errors import ActionError
from device.hub.actions.base import DONE, Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.transport.http import Http
from device.hub.actions.wled import WledStrips
from device.settings.actions.wled import Wled
from tests.hub.actions.peers import LATER, WHY, Clock, Peer, Request, busy, json_response
from tests.hub.hub_running import run, until

RAINBOW: dict[str, Any] = {
    "id": 0,
    "start": 0,
    "stop": 60,
    "len": 60,
    "on": True,
    "bri": 255,
    "fx": 9,
    "sx": 128,
    "ix": 128,
    "pal": 0,
}
RAINBOW |= {"sel": True, "rev": False, "mi": False, "col": [[8, 16, 32, 0], [0, 0, 0], [0, 0, 0]]}


@dataclass
class Strip(Peer):
    """Two segments; preset 3 makes three of them."""

    state: dict[str, Any] = field(
        default_factory=lambda: {
            "on": True,
            "bri": 77,
            "transition": 7,
            "ps": -1,
            "pl": -1,
            "nl": {"on": False},
            "seg": [dict(RAINBOW), RAINBOW | {"id": 1, "start": 60, "stop": 90}],
        }
    )

    async def answer(self, request: Request) -> web.Response:
        assert request.path == "/json/state"
        if request.method == "GET":
            return json_response(self.state)
        assert request.headers["Content-Type"] == "application/json"
        self.take(request.json)
        return json_response({"success": True})

    def take(self, command: dict[str, Any]) -> None:
        assert command.keys() <= {"on", "bri", "transition", "tt", "ps", "seg"}
        assert 0 <= command.get("transition", command.get("tt", -1)) <= 65_535
        state = self.state
        state |= {name: command[name] for name in ("on", "transition") if name in command}
        if command.get("bri"):  # 0 is not a brightness
            state["bri"] = command["bri"]
        if command.get("ps", -1) > 0:
            state |= {"ps": command["ps"], "bri": 255, "on": True}
            state["seg"] = [RAINBOW | {"id": number, "fx": 40} for number in range(3)]
            return
        state["ps"] = -1
        segments = {segment["id"]: segment for segment in state["seg"]}
        changes = command.get("seg", [])
        if isinstance(changes, dict):
            changes = [changes | {"id": one["id"]} for one in state["seg"] if one["sel"]]
        for number, change in enumerate(changes):
            segments.setdefault(change.get("id", number), {}).update(change)
        state["seg"] = [segment for segment in segments.values() if segment.get("stop") != 0]

    def sent(self) -> list[Any]:
        return [request.json for request in self.requests if request.method == "POST"]


class House:
    def __init__(self, strip: Strip) -> None:
        self.strip, self.clock, self.http = strip, Clock(), Http()
        self.strips = WledStrips(self.http, self.clock.make_deliveries(per_s=200.0))
        self.all = ActionDispatcher({Wled: self.strips}, clock=self.clock)
        self.target = f"wled {strip.host}"

    async def act(self, rule: str = "a", **what: Any) -> str:
        self.clock.now_s += 10
        return await self.all.run(Wled(self.strip.host, **what), Trigger(rule, "", self.clock()), remember=True)

    async def end(self, rule: str = "a") -> list[str]:
        self.clock.now_s += 10
        return await self.all.restore(rule)


def test_commands_are_as_documented() -> None:
    async def story() -> None:
        async with Strip() as strip:
            house = House(strip)
            assert house.strips.state() == {}
            await house.strips.run(Wled(strip.host, brightness=50, colour="#ffA000"), WHY)
            assert house.strips.state() == {"host": strip.host, "brightness": 50, "colour": "#ffA000"}
            await house.strips.run(Wled(strip.host, brightness=1, transition_s=0), WHY)
            await house.strips.run(Wled(strip.host, brightness=0, colour="#ffa000", transition_s=6553.5), WHY)
            await house.strips.run(Wled(strip.host, preset=3), WHY)
            assert house.strips.state() == {"host": strip.host, "preset": 3, "colour": ""}
            orange = [{"id": 0, "col": [[255, 160, 0]]}, {"id": 1, "col": [[255, 160, 0]]}]
            assert strip.sent() == [
                {"on": True, "bri": 128, "tt": 20, "seg": orange},
                {"on": True, "bri": 3, "tt": 0},
                {"on": False, "tt": 65_535},
                {"ps": 3, "tt": 20},
            ]
            assert strip.state["transition"] == 7, "the one of the strip"
            await house.http.close()

    run(story())


@pytest.mark.parametrize("selected", [True, False])
def test_a_colour_is_set_on_every_segment_and_each_is_restored_to_its_own(selected: bool) -> None:
    async def story() -> None:
        async with Strip() as strip:
            house = House(strip)
            first, second = strip.state["seg"]
            second |= {"col": [[1, 2, 3, 0], [0, 0, 0], [0, 0, 0]], "sel": selected}
            before = first["col"], second["col"]
            assert await house.act(brightness=90, colour="#00FF00") == DONE
            assert [segment["col"] for segment in strip.state["seg"]] == [[[0, 255, 0]]] * 2
            assert await house.end() == [f"{house.target}: done"]
            assert tuple(segment["col"] for segment in strip.state["seg"]) == before
            assert await house.act(brightness=90, colour="#00FF00") == DONE
            strip.state["seg"][1] |= {"col": [[255, 0, 0]]}
            assert await house.end() == [f"{house.target}: left alone, it was changed since"]
            await house.http.close()

    run(story())


def test_a_strip_without_segment_numbers_is_coloured_where_it_is_selected() -> None:
    async def story() -> None:
        async with Strip() as strip:
            house = House(strip)
            strip.faults = [json_response({"on": True, "bri": 5, "seg": [{"col": [[1, 2, 3]]}]})]
            await house.strips.run(Wled(strip.host, brightness=50, colour="#00ff00"), WHY)
            assert [segment["col"] for segment in strip.state["seg"]] == [[[0, 255, 0]]] * 2
            await house.http.close()

    run(story())


@pytest.mark.parametrize("what", [{"brightness": 90, "colour": "#00FF00"}, {"brightness": 0}, {"preset": 3}, {}])
@pytest.mark.parametrize("on", [True, False])
def test_a_strip_is_restored_with_its_effect_and_its_segments(what: dict[str, Any], on: bool) -> None:
    async def story() -> None:
        async with Strip() as strip:
            house = House(strip)
            strip.state["on"] = on
            before = {name: value for name, value in strip.state.items() if name != "transition"}
            segments = [dict(segment) for segment in strip.state["seg"]]
            assert await house.act(**what) == DONE
            assert await house.end() == [f"{house.target}: done"]
            assert {name: strip.state[name] for name in before} == before | {"seg": segments}
            assert strip.state["transition"] == 7
            await house.http.close()

    run(story())


def test_an_active_preset_is_restored() -> None:
    async def story() -> None:
        async with Strip() as strip:
            house = House(strip)
            strip.state["ps"] = 5
            await house.act(brightness=10)
            assert strip.state["ps"] == -1
            assert await house.end() == [f"{house.target}: done"]
            assert strip.state["ps"] == 5
            await house.http.close()

    run(story())


@pytest.mark.parametrize(
    ("what", "hand"),
    [
        ({"brightness": 90, "colour": "#00ff00"}, {"bri": 60}),
        ({"brightness": 90, "colour": "#00ff00"}, {"on": False}),
        ({"brightness": 90, "colour": "#00ff00"}, {"seg": [RAINBOW]}),
        ({"preset": 3}, {"ps": 4}),
        ({"brightness": 0}, {"on": True, "bri": 200}),
    ],
)
def test_a_strip_that_somebody_changed_is_left_alone(what: dict[str, Any], hand: dict[str, Any]) -> None:
    async def story() -> None:
        async with Strip() as strip:
            house = House(strip)
            await house.act(**what)
            strip.state |= hand
            sent = [request.method for request in strip.requests].count("POST")
            assert await house.end() == [f"{house.target}: left alone, it was changed since"]
            assert [request.method for request in strip.requests].count("POST") == sent
            await house.http.close()

    run(story())


def test_after_a_preset_and_a_colour_the_state_before_both_is_restored() -> None:
    async def story() -> None:
        async with Strip() as strip:
            house = House(strip)
            segments = [dict(segment) for segment in strip.state["seg"]]
            await house.act("a", preset=3)
            await house.act("b", brightness=40, colour="#ff0000")
            assert await house.end("a") == []
            assert await house.end("b") == [f"{house.target}: done"]
            assert (strip.state["bri"], strip.state["seg"]) == (77, segments)
            await house.http.close()

    run(story())


def test_a_newer_action_neither_waits_for_an_older_one_nor_is_overtaken() -> None:
    async def story() -> None:
        async with Strip() as strip:
            http = Http()
            strips = ActionDispatcher({Wled: WledStrips(http)})  # with waits that are real
            strip.faults = [busy(503, Retry_After="5")]
            older = asyncio.create_task(strips.run(Wled(strip.host, colour="#ff0000"), WHY))
            await until(lambda: strip.requests)
            began_s = time.monotonic()
            assert await strips.run(Wled(strip.host, colour="#0000ff"), LATER) == DONE
            assert time.monotonic() - began_s < 2
            assert await older == f"wled {strip.host}: cancelled for a newer action"
            assert [sent["seg"][0]["col"] for sent in strip.sent()] == [[[0, 0, 255]]]
            assert strip.state["seg"][0]["col"] == [[0, 0, 255]]
            await http.close()

    run(story())


def test_two_strips_have_separate_limits() -> None:
    async def story() -> None:
        async with Strip() as well, Strip() as ill:
            house = House(well)
            ill.faults = [busy(503) for _ in range(100)]
            for _ in range(5):
                assert "busy" in await house.all.run(Wled(ill.host), WHY)
            assert "left alone since" in await house.all.run(Wled(ill.host), LATER)
            assert await house.act() == DONE
            await house.http.close()

    run(story())


def test_a_refusal_of_a_strip_is_reported() -> None:
    async def story() -> None:
        async with Strip() as strip:
            house = House(strip)
            strip.faults = [json_response({"error": 9})]
            with pytest.raises(ActionError, match=rf"WLED {strip.host}: refused it \(error 9\)"):
                await house.strips.run(Wled(strip.host), WHY)
            for nonsense in (
                {"on": 1, "bri": 5},
                {"on": True, "bri": 999},
                {"on": True, "bri": 5, "seg": [{"col": "x"}]},
            ):
                strip.faults = [json_response(nonsense)]
                assert (await house.act()).startswith("done; it cannot be restored later: WLED 127.0.0.1:")
            strip.faults = [json_response({"on": True, "bri": 5, "seg": [{"id": 0}]})]
            (previous,) = await house.strips.capture_state(Wled(strip.host))
            assert previous.state == {"on": True, "brightness": pytest.approx(1.96, abs=0.01), "preset": -1}
            await house.http.close()

    run(story())

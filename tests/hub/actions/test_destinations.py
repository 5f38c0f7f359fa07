"""What the hub sees of all destinations: a result for everything, the newest wins, and the way back."""

import asyncio
import logging
import time
from typing import Any

import pytest

from device.destinations import Command, Lamp, Player, Publish, Webhook
from device.errors import ActionError
from device.hub.actions import DONE, Destinations, Former, Occasion
from device.hub.actions.former import agrees
from device.hub.actions.keeper import Keeper
from device.hub.actions.lamp import VirtualLamp
from device.hub.actions.player import VirtualPlayer
from tests.hub.actions.peers import LATER, WHY, Clock
from tests.hub.helpers import run

OFF = {"on": False, "colour": "#000000", "brightness": 0}
RED, BLUE = Lamp("#ff0000", 40), Lamp("#0000ff", 80)
RED_IS = {"on": True, "colour": "#ff0000", "brightness": 40}
BLUE_IS = {"on": True, "colour": "#0000ff", "brightness": 80}


class Bulb(VirtualLamp):
    """A lamp with a hand at it, and with faults."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        super().__init__(self.heard.append)
        self.errors: list[Exception] = []
        self.mute: list[Exception] = []
        self.gates: list[asyncio.Event] = []
        self.settle_s = 0.0
        self.there = True
        self.reading = asyncio.Event()
        self.reading.set()

    def by_hand(self, **look: Any) -> None:
        self._state |= look

    async def run(self, action: Lamp, occasion: Occasion) -> None:
        if self.gates:
            await self.gates.pop(0).wait()
        if self.errors:
            raise self.errors.pop(0)
        await super().run(action, occasion)

    async def former(self, action: Lamp) -> tuple[Former, ...]:
        await self.reading.wait()
        if self.mute:
            raise self.mute.pop(0)
        (former,) = await super().former(action)
        return (Former("lamp", former.was, former.asked, settle_s=self.settle_s),) if self.there else ()

    async def restore(self, former: Former) -> None:
        if self.gates:
            await self.gates.pop(0).wait()
        if self.errors:
            raise self.errors.pop(0)
        await super().restore(former)


class Hall:
    """Destinations with one bulb."""

    def __init__(self, **options: Any) -> None:
        self.bulb = Bulb()
        self.clock = Clock()
        self.all = Destinations({Lamp: self.bulb}, clock=self.clock, **options)

    async def act(self, rule: str, action: Lamp, *, keep: bool = True) -> str:
        return await self.all.run(action, Occasion(rule, "", self.clock()), keep=keep)

    @property
    def is_now(self) -> dict[str, Any]:
        return self.bulb.state()


# -- a result for everything


def test_done_or_what_went_wrong(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        hall = Hall(limit_s=0.1)
        assert await hall.act("a", RED) == DONE
        hall.bulb.errors = [ActionError("the lamp is not there")]
        assert await hall.act("a", RED) == "the lamp is not there"
        hall.bulb.gates = [asyncio.Event()]
        assert await hall.act("a", RED) == "lamp: no answer within 0.1 s"
        assert await hall.all.run(Publish("a", "b"), WHY) == "publish: nothing here takes it"
        assert hall.all.state(Lamp) == RED_IS
        assert hall.all.state(Player) == {}
        await hall.all.close()

    run(story(), 3)
    assert "an action failed: the lamp is not there" in caplog.text


def test_a_dry_run_sends_nothing_and_says_what_it_would_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        hall = Hall(dry=True)
        assert await hall.act("a", RED) == "dry run: lamp #ff0000 at 40 %"
        assert await hall.all.run(Webhook("http://x/secret"), WHY) == "dry run: webhook to x"
        assert await hall.all.restore("a") == []
        assert hall.bulb.heard == []

    run(story())
    assert "dry run: lamp #ff0000 at 40 %" in caplog.text


def test_a_program_has_the_time_that_its_action_gives_it() -> None:
    class Slow:
        async def run(self, _action: Command, _occasion: Occasion) -> None:
            await asyncio.sleep(0.3)

        def state(self) -> dict[str, Any]:
            return {}

    async def story() -> str:
        return await Destinations({Command: Slow()}, limit_s=0.1).run(Command(("x",), limit_s=1), WHY)

    assert run(story()) == DONE


# -- the newest wins


def test_a_newer_action_ends_an_older_one_that_is_not_through() -> None:
    async def story() -> None:
        hall = Hall()
        hall.bulb.gates = [asyncio.Event()]
        older = asyncio.create_task(hall.all.run(RED, WHY))
        await asyncio.sleep(0.01)
        began_s = time.monotonic()
        assert await hall.all.run(BLUE, LATER) == DONE
        assert time.monotonic() - began_s < 0.5
        assert await older == "lamp: given up for a newer action"
        assert hall.bulb.heard == [BLUE_IS]

    run(story())


def test_actions_of_one_occasion_follow_one_another() -> None:
    async def story() -> None:
        hall = Hall()
        gate = asyncio.Event()
        hall.bulb.gates = [gate]
        first = asyncio.create_task(hall.all.run(RED, WHY))
        second = asyncio.create_task(hall.all.run(BLUE, WHY))
        await asyncio.sleep(0.01)
        gate.set()
        assert [await first, await second] == [DONE, DONE]
        assert hall.bulb.heard == [RED_IS, BLUE_IS]

    run(story())


def test_who_ends_the_caller_ends_the_action() -> None:
    async def story() -> None:
        hall = Hall()
        hall.bulb.gates = [asyncio.Event()]
        task = asyncio.create_task(hall.all.run(RED, WHY))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await hall.all.run(BLUE, LATER) == DONE
        assert hall.bulb.heard == [BLUE_IS]

    run(story())


# -- the way back


def test_the_end_of_a_rule_brings_back_what_was() -> None:
    async def story() -> None:
        hall = Hall()
        hall.bulb.by_hand(on=True, colour="#ffe0b8", brightness=60)
        assert await hall.act("a", RED) == DONE
        assert await hall.all.restore("b") == []
        assert await hall.all.restore("a") == ["lamp: done"]
        assert hall.is_now == {"on": True, "colour": "#ffe0b8", "brightness": 60}
        assert await hall.all.restore("a") == []

    run(story())


def test_without_keep_nothing_is_held() -> None:
    async def story() -> None:
        hall = Hall()
        await hall.act("a", RED, keep=False)
        assert await hall.all.restore("a") == []
        assert hall.is_now == RED_IS

    run(story())


@pytest.mark.parametrize("first", ["a", "b"])
def test_after_two_rules_the_end_of_the_later_one_brings_back_what_was_before_both(first: str) -> None:
    async def story() -> None:
        hall = Hall()
        await hall.act("a", RED)
        await hall.act("b", BLUE)
        ends = {"a": [], "b": ["lamp: done"]}
        assert await hall.all.restore(first) == ends[first]
        assert hall.is_now == (BLUE_IS if first == "a" else OFF)
        second = "b" if first == "a" else "a"
        assert await hall.all.restore(second) == ends[second]
        assert hall.is_now == OFF

    run(story())


def test_the_same_rule_again_holds_what_was_before_the_first_time() -> None:
    async def story() -> None:
        hall = Hall()
        await hall.act("a", RED)
        await hall.act("a", BLUE)
        assert await hall.all.restore("a") == ["lamp: done"]
        assert hall.is_now == OFF

    run(story())


def test_what_a_hand_has_changed_since_is_left_alone() -> None:
    async def story() -> None:
        hall = Hall()
        await hall.act("a", RED)
        hall.bulb.by_hand(brightness=90)
        assert await hall.all.restore("a") == ["lamp: left alone, it was changed since"]
        assert hall.is_now == RED_IS | {"brightness": 90}
        assert await hall.all.restore("a") == []

    run(story())


def test_a_hand_between_two_rules_is_what_the_second_brings_back() -> None:
    async def story() -> None:
        hall = Hall()
        await hall.act("a", RED)
        hall.bulb.by_hand(colour="#00ff00")
        await hall.act("b", BLUE)
        assert await hall.all.restore("a") == []
        assert await hall.all.restore("b") == ["lamp: done"]
        assert hall.is_now == RED_IS | {"colour": "#00ff00"}

    run(story())


def test_a_rule_without_a_way_back_takes_the_target_over() -> None:
    async def story() -> None:
        hall = Hall()
        await hall.act("a", RED)
        await hall.act("b", BLUE, keep=False)
        assert await hall.all.restore("a") == ["lamp: left alone, it was changed since"]
        assert hall.is_now == BLUE_IS

    run(story())


def test_a_lamp_that_still_fades_is_taken_for_ours() -> None:
    async def story() -> None:
        hall = Hall()
        hall.bulb.settle_s = 5.0
        await hall.act("a", RED)
        hall.bulb.by_hand(brightness=17)  # what it says of itself on its way
        hall.clock.now_s += 4
        await hall.act("b", BLUE)
        hall.bulb.by_hand(brightness=55)
        assert await hall.all.restore("b") == ["lamp: done"]
        assert hall.is_now == OFF
        await hall.act("a", RED)
        hall.bulb.by_hand(brightness=17)
        hall.clock.now_s += 5
        assert await hall.all.restore("a") == ["lamp: left alone, it was changed since"]

    run(story())


def test_what_is_as_it_was_is_not_touched() -> None:
    async def story() -> None:
        hall = Hall()
        hall.bulb.errors = [ActionError("it did not take it")]
        assert await hall.act("a", RED) == "it did not take it"
        hall.bulb._state = dict(RED_IS)  # it did, and only did not say so
        assert await hall.all.restore("a") == ["lamp: done"]
        assert hall.is_now == OFF
        hall.bulb._state = dict(RED_IS)
        await hall.act("a", RED)
        hall.bulb.heard.clear()
        assert await hall.all.restore("a") == ["lamp: done"]
        assert hall.bulb.heard == []

    run(story())


def test_a_way_back_that_fails_is_said_and_kept_for_the_next_time() -> None:
    async def story() -> None:
        hall = Hall(limit_s=0.2)
        await hall.act("a", RED)
        hall.bulb.errors = [ActionError("the lamp is away")]
        assert await hall.all.restore("a") == ["lamp: not brought back: the lamp is away"]
        hall.bulb.mute = [ActionError("the lamp does not say")]
        assert await hall.all.restore("a") == ["lamp: not brought back: the lamp does not say"]
        hall.bulb.gates = [asyncio.Event()]
        assert await hall.all.restore("a") == ["lamp: not brought back: no answer within 0.2 s"]
        assert await hall.all.restore("a") == ["lamp: done"]
        assert hall.is_now == OFF

    run(story())


def test_a_lamp_that_was_taken_away_is_said() -> None:
    async def story() -> None:
        hall = Hall()
        await hall.act("a", RED)
        hall.bulb.there = False
        assert await hall.all.restore("a") == ["lamp: it is not there any more"]
        assert await hall.all.restore("a") == []

    run(story())


def test_an_action_runs_though_nobody_can_say_what_was_before() -> None:
    async def story() -> None:
        hall = Hall(limit_s=0.3)
        hall.bulb.mute = [ActionError("the lamp does not say")]
        assert await hall.act("a", RED) == "done; it will not be brought back: the lamp does not say"
        assert hall.is_now == RED_IS
        assert await hall.all.restore("a") == []

        async def never(_action: Lamp) -> tuple[Former, ...]:
            await asyncio.sleep(60)
            return ()

        hall.bulb.former = never  # type: ignore[method-assign,assignment]
        assert await hall.act("a", BLUE) == "done; it will not be brought back: it did not say how it is within 0.1 s"

    run(story(), 3)


def test_an_end_and_a_beginning_at_the_same_moment_leave_the_new_look() -> None:
    async def story(ending_first: bool) -> None:
        hall = Hall()
        await hall.act("a", RED)
        hall.clock.now_s += 1
        both = [hall.all.restore("a"), hall.act("b", BLUE)]
        await asyncio.gather(*(both if ending_first else reversed(both)))
        assert hall.is_now == BLUE_IS
        assert await hall.all.restore("b") == ["lamp: done"]
        assert hall.is_now == OFF

    for ending_first in (True, False):
        run(story(ending_first))


def test_an_end_behind_a_beginning_finds_nothing_to_bring_back() -> None:
    async def story() -> None:
        hall = Hall()
        hall.bulb.settle_s = 5.0
        await hall.act("a", RED)
        hall.bulb.reading.clear()
        beginning = asyncio.create_task(hall.act("b", BLUE))
        await asyncio.sleep(0.01)
        ending = asyncio.create_task(hall.all.restore("a"))
        await asyncio.sleep(0.01)
        hall.bulb.reading.set()
        assert [await beginning, await ending] == [DONE, []]
        assert hall.is_now == BLUE_IS

    run(story())


@pytest.mark.parametrize("reached", ["reading", "acting"])
def test_the_end_of_a_rule_gives_up_what_it_has_under_way(reached: str) -> None:
    async def story() -> None:
        hall = Hall()
        gate = asyncio.Event()
        if reached == "reading":
            hall.bulb.reading = gate
        else:
            hall.bulb.gates = [gate]
        acting = asyncio.create_task(hall.act("a", RED))
        other = asyncio.create_task(hall.all.run(Publish("a", "b"), WHY))
        await asyncio.sleep(0.01)
        assert await hall.all.restore("a") == ([] if reached == "reading" else ["lamp: done"])
        assert await acting == "lamp: given up as its rule is over"
        assert await other == "publish: nothing here takes it"
        gate.set()
        await asyncio.sleep(0.01)
        assert hall.is_now == OFF

    run(story())


def test_a_beginning_ends_a_way_back_that_is_not_through() -> None:
    async def story() -> None:
        hall = Hall()
        await hall.act("a", RED)
        hall.bulb.gates = [asyncio.Event()]
        ending = asyncio.create_task(hall.all.restore("a"))
        await asyncio.sleep(0.01)
        assert await hall.act("b", BLUE) == DONE
        assert await ending == [], "b holds it now"
        assert await hall.all.restore("b") == ["lamp: done"]
        assert hall.is_now == OFF

    run(story())


def test_two_targets_of_a_rule_come_back_in_two_lines() -> None:
    async def story() -> None:
        heard: list[dict[str, Any]] = []
        lamp, player = VirtualLamp(heard.append), VirtualPlayer(heard.append)
        both = Destinations({Lamp: lamp, Player: player})
        await both.run(RED, WHY, keep=True)
        await both.run(Player("calm", 30), WHY, keep=True)
        assert player.state() == {"playing": True, "playlist": "calm", "volume": 30}
        assert await both.restore("comfort") == ["lamp: done", "player: done"]
        assert lamp.state() == OFF
        assert player.state() == {"playing": False, "playlist": "", "volume": 0}
        await both.run(Player("calm", 30), WHY)
        await both.run(Player("party", 60), WHY, keep=True)
        await both.restore("comfort")
        assert player.state()["playlist"] == "calm"

    run(story())


def test_what_still_fades_is_expected_to_become_what_was_asked_of_it() -> None:
    clock = Clock()
    keeper = Keeper(clock)
    was = {"on": True, "brightness": 60, "colour": "#ffffff"}
    keeper.acted(keeper.take("a", RED, [Former("lamp", was, {"on": True, "colour": "#ff0000"}, settle_s=5.0)]))
    fading = was | {"colour": "#ff7777"}
    (held,) = keeper.take("b", BLUE, [Former("lamp", fading, {"on": True, "brightness": 20})])
    assert held.former.was == was
    assert held.expected == {"on": True, "brightness": 20, "colour": "#ff0000"}


@pytest.mark.parametrize(
    ("expected", "now", "same"),
    [
        ({"brightness": 40.0}, {"brightness": 42.4}, True),
        ({"brightness": 40.0}, {"brightness": 43}, False),
        ({"brightness": 40.0}, {}, False),
        ({"brightness": None}, {"brightness": 3}, True),
        ({"on": True}, {"on": True, "brightness": 3}, True),
        ({"on": True}, {"on": False}, False),
        ({"colour": ("xy", 0.4, 0.5)}, {"colour": ("xy", 0.43, 0.46)}, True),
        ({"colour": ("xy", 0.4, 0.5)}, {"colour": ("xy", 0.46, 0.5)}, False),
        ({"colour": ("xy", 0.4, 0.5)}, {"colour": ("kelvin", 2700)}, False),
        ({"colour": ("kelvin", 2700)}, {"colour": ("kelvin", 2790)}, True),
        ({"colour": "#ff0000"}, {"colour": "#ff0001"}, False),
        ({"songs": frozenset("ab")}, {"songs": frozenset("a")}, True),
        ({"songs": frozenset("ab")}, {"songs": frozenset("abc")}, False),
        ({"songs": frozenset("ab")}, {"songs": "ab"}, False),
    ],
)
def test_as_far_as_devices_are_exact(expected: dict[str, Any], now: dict[str, Any], same: bool) -> None:
    assert agrees(expected, now) is same

"""The end of a rule: the previous state is restored, unless somebody has changed the target since."""

import asyncio
from typing import Any

import pytest

from device.errors import ActionError
from device.hub.actions.base import DONE
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.restore.previous_state import PreviousState
from device.hub.actions.virtual import VirtualLamp, VirtualPlayer
from device.settings.actions.mqtt_publish import Publish
from device.settings.actions.virtual import Lamp, Player
from tests.hub.actions.fakes import BLUE, BLUE_IS, OFF, RED, RED_IS, BulbSetup
from tests.hub.actions.peers import WHY
from tests.hub.hub_running import run

# -- restoring


def test_the_end_of_a_rule_restores_the_previous_state() -> None:
    async def story() -> None:
        setup = BulbSetup()
        setup.bulb.by_hand(on=True, colour="#ffe0b8", brightness=60)
        assert await setup.act("a", RED) == DONE
        assert await setup.all.restore("b") == []
        assert await setup.all.restore("a") == ["lamp: done"]
        assert setup.is_now == {"on": True, "colour": "#ffe0b8", "brightness": 60}
        assert await setup.all.restore("a") == []

    run(story())


def test_without_remember_nothing_is_recorded() -> None:
    async def story() -> None:
        setup = BulbSetup()
        await setup.act("a", RED, remember=False)
        assert await setup.all.restore("a") == []
        assert setup.is_now == RED_IS

    run(story())


@pytest.mark.parametrize("first", ["a", "b"])
def test_after_two_rules_the_end_of_the_later_one_restores_the_state_before_both(first: str) -> None:
    async def story() -> None:
        setup = BulbSetup()
        await setup.act("a", RED)
        await setup.act("b", BLUE)
        ends = {"a": [], "b": ["lamp: done"]}
        assert await setup.all.restore(first) == ends[first]
        assert setup.is_now == (BLUE_IS if first == "a" else OFF)
        second = "b" if first == "a" else "a"
        assert await setup.all.restore(second) == ends[second]
        assert setup.is_now == OFF

    run(story())


def test_a_rule_that_fires_again_keeps_the_state_from_before_the_first_time() -> None:
    async def story() -> None:
        setup = BulbSetup()
        await setup.act("a", RED)
        await setup.act("a", BLUE)
        assert await setup.all.restore("a") == ["lamp: done"]
        assert setup.is_now == OFF

    run(story())


def test_a_target_that_somebody_changed_since_is_left_alone() -> None:
    async def story() -> None:
        setup = BulbSetup()
        await setup.act("a", RED)
        setup.bulb.by_hand(brightness=90)
        assert await setup.all.restore("a") == ["lamp: left alone, it was changed since"]
        assert setup.is_now == RED_IS | {"brightness": 90}
        assert await setup.all.restore("a") == []

    run(story())


def test_a_manual_change_between_two_rules_is_what_the_second_restores() -> None:
    async def story() -> None:
        setup = BulbSetup()
        await setup.act("a", RED)
        setup.bulb.by_hand(colour="#00ff00")
        await setup.act("b", BLUE)
        assert await setup.all.restore("a") == []
        assert await setup.all.restore("b") == ["lamp: done"]
        assert setup.is_now == RED_IS | {"colour": "#00ff00"}

    run(story())


def test_a_rule_without_restore_takes_the_target_over() -> None:
    async def story() -> None:
        setup = BulbSetup()
        await setup.act("a", RED)
        await setup.act("b", BLUE, remember=False)
        assert await setup.all.restore("a") == ["lamp: left alone, it was changed since"]
        assert setup.is_now == BLUE_IS

    run(story())


def test_a_lamp_that_still_fades_counts_as_untouched() -> None:
    async def story() -> None:
        setup = BulbSetup()
        setup.bulb.settle_s = 5.0
        await setup.act("a", RED)
        setup.bulb.by_hand(brightness=17)  # what it reports while it fades
        setup.clock.now_s += 4
        await setup.act("b", BLUE)
        setup.bulb.by_hand(brightness=55)
        assert await setup.all.restore("b") == ["lamp: done"]
        assert setup.is_now == OFF
        await setup.act("a", RED)
        setup.bulb.by_hand(brightness=17)
        setup.clock.now_s += 5
        assert await setup.all.restore("a") == ["lamp: left alone, it was changed since"]

    run(story())


def test_a_target_that_is_as_before_is_not_sent_anything() -> None:
    async def story() -> None:
        setup = BulbSetup()
        setup.bulb.run_errors = [ActionError("it did not take it")]
        assert await setup.act("a", RED) == "it did not take it"
        setup.bulb._state = dict(RED_IS)  # it did it, and only failed to say so
        assert await setup.all.restore("a") == ["lamp: done"]
        assert setup.is_now == OFF
        setup.bulb._state = dict(RED_IS)
        await setup.act("a", RED)
        setup.bulb.changes.clear()
        assert await setup.all.restore("a") == ["lamp: done"]
        assert setup.bulb.changes == []

    run(story())


def test_a_restore_that_fails_is_reported_and_can_be_tried_again() -> None:
    async def story() -> None:
        setup = BulbSetup(limit_s=0.2)
        await setup.act("a", RED)
        setup.bulb.run_errors = [ActionError("the lamp is away")]
        assert await setup.all.restore("a") == ["lamp: not restored: the lamp is away"]
        setup.bulb.capture_errors = [ActionError("the lamp does not say")]
        assert await setup.all.restore("a") == ["lamp: not restored: the lamp does not say"]
        setup.bulb.gates = [asyncio.Event()]
        assert await setup.all.restore("a") == ["lamp: not restored: no answer within 0.2 s"]
        assert await setup.all.restore("a") == ["lamp: done"]
        assert setup.is_now == OFF

    run(story())


def test_a_lamp_that_was_removed_is_reported() -> None:
    async def story() -> None:
        setup = BulbSetup()
        await setup.act("a", RED)
        setup.bulb.exists = False
        assert await setup.all.restore("a") == ["lamp: it is not there any more"]
        assert await setup.all.restore("a") == []

    run(story())


def test_an_action_runs_even_if_the_previous_state_is_unknown() -> None:
    async def story() -> None:
        setup = BulbSetup(limit_s=0.3)
        setup.bulb.capture_errors = [ActionError("the lamp does not say")]
        assert await setup.act("a", RED) == "done; it cannot be restored later: the lamp does not say"
        assert setup.is_now == RED_IS
        assert await setup.all.restore("a") == []

        async def never(_action: Lamp) -> tuple[PreviousState, ...]:
            await asyncio.sleep(60)
            return ()

        setup.bulb.capture_state = never  # type: ignore[method-assign,assignment]
        assert (
            await setup.act("a", BLUE) == "done; it cannot be restored later: it did not report its state within 0.1 s"
        )

    run(story(), 3)


def test_an_end_and_a_start_at_the_same_moment_leave_the_new_state() -> None:
    async def story(ending_first: bool) -> None:
        setup = BulbSetup()
        await setup.act("a", RED)
        setup.clock.now_s += 1
        both = [setup.all.restore("a"), setup.act("b", BLUE)]
        await asyncio.gather(*(both if ending_first else reversed(both)))
        assert setup.is_now == BLUE_IS
        assert await setup.all.restore("b") == ["lamp: done"]
        assert setup.is_now == OFF

    for ending_first in (True, False):
        run(story(ending_first))


def test_an_end_after_a_start_finds_nothing_to_restore() -> None:
    async def story() -> None:
        setup = BulbSetup()
        setup.bulb.settle_s = 5.0
        await setup.act("a", RED)
        setup.bulb.may_capture.clear()
        beginning = asyncio.create_task(setup.act("b", BLUE))
        await asyncio.sleep(0.01)
        ending = asyncio.create_task(setup.all.restore("a"))
        await asyncio.sleep(0.01)
        setup.bulb.may_capture.set()
        assert [await beginning, await ending] == [DONE, []]
        assert setup.is_now == BLUE_IS

    run(story())


@pytest.mark.parametrize("reached", ["reading", "acting"])
def test_the_end_of_a_rule_cancels_its_unfinished_actions(reached: str) -> None:
    async def story() -> None:
        setup = BulbSetup()
        gate = asyncio.Event()
        if reached == "reading":
            setup.bulb.may_capture = gate
        else:
            setup.bulb.gates = [gate]
        acting = asyncio.create_task(setup.act("a", RED))
        other = asyncio.create_task(setup.all.run(Publish("a", "b"), WHY))
        await asyncio.sleep(0.01)
        assert await setup.all.restore("a") == ([] if reached == "reading" else ["lamp: done"])
        assert await acting == "lamp: cancelled because its rule has ended"
        assert await other == "mqtt: the settings name no destination for it"
        gate.set()
        await asyncio.sleep(0.01)
        assert setup.is_now == OFF

    run(story())


def test_a_new_action_cancels_an_unfinished_restore() -> None:
    async def story() -> None:
        setup = BulbSetup()
        await setup.act("a", RED)
        setup.bulb.gates = [asyncio.Event()]
        ending = asyncio.create_task(setup.all.restore("a"))
        await asyncio.sleep(0.01)
        assert await setup.act("b", BLUE) == DONE
        assert await ending == [], "b owns it now"
        assert await setup.all.restore("b") == ["lamp: done"]
        assert setup.is_now == OFF

    run(story())


def test_two_targets_of_a_rule_are_restored_in_two_lines() -> None:
    async def story() -> None:
        heard: list[dict[str, Any]] = []
        lamp, player = VirtualLamp(heard.append), VirtualPlayer(heard.append)
        both = ActionDispatcher({Lamp: lamp, Player: player})
        await both.run(RED, WHY, remember=True)
        await both.run(Player("calm", 30), WHY, remember=True)
        assert player.state() == {"playing": True, "playlist": "calm", "volume": 30}
        assert await both.restore("comfort") == ["lamp: done", "player: done"]
        assert lamp.state() == OFF
        assert player.state() == {"playing": False, "playlist": "", "volume": 0}
        await both.run(Player("calm", 30), WHY)
        await both.run(Player("party", 60), WHY, remember=True)
        await both.restore("comfort")
        assert player.state()["playlist"] == "calm"

    run(story())

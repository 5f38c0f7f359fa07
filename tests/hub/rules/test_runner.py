"""Rules in a running hub: their order, their profiles, and a destination that fails."""

import asyncio
import logging
import time
from typing import Any

import msgspec
import pytest

from device.emotions import Emotion
from device.errors import ActionError
from device.hub.actions.base import Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.restore.previous_state import PreviousState
from device.hub.rules.runner import RunnerLimits
from device.hub.state.features import ChooseProfile
from device.ipc.messages import Stage, State
from device.settings.actions.mqtt_publish import Publish
from device.settings.actions.virtual import Lamp, Player
from device.settings.rules import Rule
from device.settings.schema import Settings
from tests.hub.hub_running import WELL, Sense, mood, run, running, state, until
from tests.hub.hub_setup import living_room, results, rule

WHY = Trigger("r", "sad 71 % for 5 s", 0.0)


class Bad:
    """A destination that fails, or never ends."""

    async def run(self, action: Any, _trigger: Trigger) -> None:
        if isinstance(action, Lamp):
            raise ActionError("the lamp is not there")
        await asyncio.sleep(60)

    def state(self) -> dict[str, Any]:
        return {}


def test_a_destination_that_fails_gives_a_result_in_time() -> None:
    async def story() -> None:
        destinations = ActionDispatcher({Lamp: Bad(), Player: Bad()}, limit_s=0.1)
        assert await destinations.run(Lamp(), WHY) == "the lamp is not there"
        assert await destinations.run(Player("calm"), WHY) == "player: no answer within 0.1 s"
        assert await destinations.run(Publish("a", "b"), WHY) == "mqtt: the settings name no destination for it"

    run(story(), 2)


def test_a_slow_destination_does_not_delay_the_next_mood(house: Settings) -> None:
    async def story() -> None:
        async with running(house) as hub, Sense(house) as sense:
            hub.actions._dispatcher = ActionDispatcher({Lamp: Bad(), Player: Bad()}, limit_s=5)
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.last_rule)
            began_s = time.monotonic()
            seq = sense.change(mood(Emotion.HAPPY))
            await until(
                lambda: sense.last_ack() == seq and hub.store.now.mood and hub.store.now.mood.emotion == "happy"
            )
            assert time.monotonic() - began_s < 2

    run(story())


def test_too_many_actions_are_refused_and_the_history_says_so(house: Settings) -> None:
    mine = living_room(house, rule("two", Emotion.SAD, Player("calm"), Player("loud")))

    async def story() -> None:
        async with running(mine, runner_limits=RunnerLimits(max_tasks=1)) as hub, Sense(mine) as sense:
            hub.actions._dispatcher = ActionDispatcher({Player: Bad()}, limit_s=0.3)
            sense.change(mood(Emotion.SAD))
            await until(lambda: len(results(mine)) == 2)

    run(story())
    assert sorted(result or "" for _, _, result in results(mine)) == [
        "player: no answer within 0.3 s",
        "refused, too many actions are running",
    ]


# -- rules in a running hub


def test_a_lamp_passes_from_rule_to_rule_without_a_flash_and_is_restored_in_the_end(house: Settings) -> None:
    mine = living_room(
        house,
        rule("comfort", Emotion.SAD, Lamp("#ffb46b", 40), restore=True),
        rule("bright", Emotion.HAPPY, Lamp("#fff1d6", 90), restore=True),
    )

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            before = hub.store.now.lamp
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.lamp["brightness"] == 40)
            shown, change = [], hub.store.change

            def watched(**fields: Any) -> None:
                shown.append(fields.get("lamp"))
                change(**fields)

            hub.store.change = watched  # type: ignore[method-assign]
            sense.change(mood(Emotion.HAPPY))
            await until(lambda: hub.store.now.lamp["brightness"] == 90)
            assert before not in shown, "it flashed back to its old state between two rules"
            sense.change(mood(Emotion.NEUTRAL))
            await until(lambda: hub.store.now.lamp == before)
            await until(lambda: len(results(mine)) == 3)

    run(story())
    said = results(mine)
    assert [(name, action if action == "restore" else "act", result) for name, action, result in said] == [
        ("comfort", "act", "done"),
        ("bright", "act", "done"),
        ("bright", "restore", "lamp: done"),
    ]


def test_hub_restores_at_its_end_and_rules_fire_again_after_its_start(house: Settings) -> None:
    mine = living_room(
        house,
        rule("comfort", Emotion.SAD, Lamp("#ffb46b", 40), restore=True),
        rule("calm", Emotion.SAD, Player("calm")),
    )

    async def story() -> None:
        for _ in range(2):
            async with running(mine) as hub, Sense(mine) as sense:
                before = hub.store.now.lamp
                sense.change(mood(Emotion.SAD))
                await until(lambda: hub.store.now.lamp["brightness"] == 40 and hub.store.now.player["playing"])
            assert hub.store.now.lamp == before
            assert hub.store.now.player["playing"], "an action without restore stays"

    run(story())
    assert [(name, result) for name, _, result in results(mine) if name == "comfort"] == [
        ("comfort", "done"),
        ("comfort", "lamp: done"),
    ] * 2


class Silent:
    """A lamp that can be restored, and then does not answer any more."""

    is_on = False

    async def run(self, _action: Any, _trigger: Trigger) -> None:
        self.is_on = True

    async def capture_state(self, _action: Any) -> tuple[PreviousState, ...]:
        return (PreviousState("lamp", {"on": self.is_on}, {"on": True}),)

    async def restore(self, _previous: PreviousState) -> None:
        await asyncio.sleep(60)

    def state(self) -> dict[str, Any]:
        return {}


def test_the_end_of_hub_does_not_wait_for_a_lamp_that_does_not_answer(
    house: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, Lamp(), restore=True))

    async def story() -> float:
        async with running(mine, runner_limits=RunnerLimits(close_s=0.3)) as hub, Sense(mine) as sense:
            hub.actions._dispatcher = ActionDispatcher({Lamp: Silent()})
            sense.change(mood(Emotion.SAD))
            await until(lambda: len(results(mine)) == 1)
            began_s = time.monotonic()
        return time.monotonic() - began_s

    assert run(story()) < 3
    assert "not restored within 0.3 s, the destination did not answer: comfort" in caplog.text


def test_a_dry_run_logs_and_sends_nothing(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    mine = living_room(house, rule("comfort", Emotion.SAD, Lamp("#ffb46b", 40)))

    async def story() -> None:
        async with running(mine, dry=True) as hub, Sense(mine) as sense:
            sense.change(mood(Emotion.SAD))
            await until(lambda: hub.store.now.last_rule)
            await until(lambda: results(mine))
            assert hub.store.now.lamp["on"] is False

    run(story())
    assert [result for _, _, result in results(mine)] == ["dry run: lamp #ffb46b at 40 %"]
    assert "dry run: lamp #ffb46b at 40 %" in caplog.text


def test_an_empty_picture_of_a_closed_camera_is_not_an_empty_room(house: Settings) -> None:
    mine = living_room(house, Rule("away", (), (Lamp(),), 0, cooldown_s=0, presence="nobody"))
    blind = [
        msgspec.structs.replace(WELL, camera_on=False),
        msgspec.structs.replace(WELL, paused=True),
        msgspec.structs.replace(WELL, stages={"camera": Stage(State.LOST, "gone")}),
        msgspec.structs.replace(WELL, stages={}),
    ]

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            for health in blind:
                sense.health = health
                await until(lambda: hub.store.now.health == sense.health)
                sense.change(mood(Emotion.UNKNOWN, 0.0, people=0))
                await asyncio.sleep(0.4)
                assert hub.store.now.last_rule is None
            sense.health = WELL
            await until(lambda: hub.store.now.last_rule)

    run(story())


def test_the_profile_decides_which_rules_are_enabled(house: Settings) -> None:
    mine = living_room(
        house,
        rule("late", Emotion.SAD, Lamp("#000011", 5), profiles=("evening",)),
        rule("any", Emotion.SAD, Player("calm")),
    )

    async def story() -> None:
        async with running(mine) as hub, Sense(mine) as sense:
            assert (hub.store.now.profile, hub.store.now.profiles) == ("everyday", ("everyday", "evening", "quiet"))
            await hub.execute(ChooseProfile("quiet"))
            sense.change(mood(Emotion.SAD))
            await asyncio.sleep(0.5)
            assert hub.store.now.last_rule is None
            await hub.execute(ChooseProfile("evening"))
            await until(lambda: hub.store.now.lamp["brightness"] == 5 and hub.store.now.player["playing"])
            assert (await state(hub))["profile"] == {"chosen": "evening", "all": ["everyday", "evening", "quiet"]}
            with pytest.raises(ActionError, match="no profile"):
                await hub.execute(ChooseProfile("gone"))
        async with running(mine) as hub:
            assert hub.store.now.profile == "evening"
            (mine.state_dir / ".profile.json.partial").mkdir()
            with pytest.raises(ActionError, match="a restart will forget it"):
                await hub.execute(ChooseProfile("quiet"))
            assert hub.store.now.profile == "quiet"

    run(story())

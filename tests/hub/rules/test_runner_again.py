"""A restore that failed at the end of a rule is retried, unless somebody changed the target."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from device.emotions import Emotion
from device.errors import ActionError
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.hub import Hub
from device.hub.rules.runner import RunnerLimits
from device.settings.actions.virtual import Lamp
from device.settings.schema import Settings
from tests.hub.actions.fakes import OFF, RED, RED_IS, Bulb
from tests.hub.hub_running import Sense, mood, run, running, until
from tests.hub.hub_setup import living_room, results, rule

AWAY = ActionError("the lamp is away")


@contextlib.asynccontextmanager
async def ended_while_away(mine: Settings) -> AsyncIterator[tuple[Hub, Sense, Bulb]]:
    """The rule made the bulb red and has ended, and the bulb does not answer."""
    bulb = Bulb()
    async with running(mine, runner_limits=RunnerLimits(retry_s=0.1)) as hub, Sense(mine) as sense:
        hub.actions._dispatcher = ActionDispatcher({Lamp: bulb})
        sense.change(mood(Emotion.SAD))
        await until(lambda: len(results(mine)) == 1 and bulb.state() == RED_IS)
        bulb.capture_errors = [AWAY] * 1000
        sense.change(mood(Emotion.NEUTRAL))
        await until(lambda: len(results(mine)) == 2)
        yield hub, sense, bulb


def restores(mine: Settings) -> list[str | None]:
    return [result for _, action, result in results(mine) if action == "restore"]


def test_a_lamp_that_is_back_is_restored_and_reported_once(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> None:
        async with ended_while_away(mine) as (_, _sense, bulb):
            await until(lambda: len(bulb.capture_errors) < 997)
            assert bulb.state() == RED_IS
            bulb.capture_errors = []
            await until(lambda: bulb.state() == OFF)
            await until(lambda: len(restores(mine)) == 2)

    run(story())
    assert restores(mine) == ["lamp: not restored: the lamp is away", "lamp: done"]
    assert caplog.text.count("not restored: the lamp is away; it will be tried again") == 1


def test_a_target_that_somebody_changed_meanwhile_is_left_alone(house: Settings) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> None:
        async with ended_while_away(mine) as (_, _sense, bulb):
            bulb.by_hand(brightness=90)
            bulb.capture_errors = []
            await until(lambda: len(restores(mine)) == 2)
            await asyncio.sleep(0.3)
            assert bulb.state() == RED_IS | {"brightness": 90}

    run(story())
    assert restores(mine) == ["lamp: not restored: the lamp is away", "lamp: left alone, it was changed since"]


def test_a_bug_in_a_destination_is_logged_once_and_does_not_end_the_retries(
    house: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> None:
        async with ended_while_away(mine) as (_, _sense, bulb):
            bulb.capture_errors = [RuntimeError("odd") for _ in range(3)]
            bulb.run_errors = [ValueError("odder")]
            await until(lambda: bulb.state() == OFF)

    run(story())
    assert caplog.text.count("lamp: a fault in Mien\nTraceback") == 2
    assert restores(mine)[-1] == "lamp: done"


def test_a_bug_in_one_restore_does_not_stop_the_retries(
    house: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> None:
        async with ended_while_away(mine) as (hub, _sense, bulb):
            restore, calls = hub.actions._dispatcher.restore, []

            async def faulty(name: str) -> list[str]:
                calls.append(name)
                if len(calls) < 3:
                    raise RuntimeError("odd")
                return await restore(name)

            monkeypatch.setattr(hub.actions._dispatcher, "restore", faulty)
            bulb.capture_errors = []
            await until(lambda: bulb.state() == OFF)

    run(story())
    assert "comfort: what it changed cannot be restored: a fault in Mien" in caplog.text


def test_a_rule_that_fires_again_keeps_its_lamp(house: Settings) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> dict[str, Any]:
        async with ended_while_away(mine) as (_, sense, bulb):
            bulb.may_capture.clear()
            bulb.capture_errors = []
            sense.change(mood(Emotion.SAD))
            await asyncio.sleep(0.3)
            bulb.may_capture.set()
            await until(lambda: len(results(mine)) >= 3)
            await asyncio.sleep(0.5)
            return bulb.state()

    assert run(story()) == RED_IS

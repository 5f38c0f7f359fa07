"""What could not be put back when its rule was over is put back later, unless a hand was faster."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from device.emotions import Emotion
from device.errors import ActionError
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.hub import Hub
from device.hub.rules import runner
from device.settings.actions.virtual import Lamp
from device.settings.schema import Settings
from tests.hub.actions.fakes import OFF, RED, RED_IS, Bulb
from tests.hub.hub_running import Sense, mood, run, running, until
from tests.hub.hub_setup import living_room, results, rule

AWAY = ActionError("the lamp is away")


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "RETRY_S", 0.1)


@contextlib.asynccontextmanager
async def over_while_away(mine: Settings) -> AsyncIterator[tuple[Hub, Sense, Bulb]]:
    """The rule has made the bulb red; now it is over, and the bulb does not answer."""
    bulb = Bulb()
    async with running(mine) as hub, Sense(mine) as sense:
        hub.actions._dispatcher = ActionDispatcher({Lamp: bulb})
        sense.change(mood(Emotion.SAD))
        await until(lambda: len(results(mine)) == 1 and bulb.state() == RED_IS)
        bulb.mute = [AWAY] * 1000
        sense.change(mood(Emotion.NEUTRAL))
        await until(lambda: len(results(mine)) == 2)
        yield hub, sense, bulb


def told(mine: Settings) -> list[str | None]:
    return [result for _, action, result in results(mine) if action == "restore"]


def test_a_lamp_that_is_back_is_put_back_and_said_once(house: Settings, caplog: pytest.LogCaptureFixture) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> None:
        async with over_while_away(mine) as (_, _sense, bulb):
            await until(lambda: len(bulb.mute) < 997)
            assert bulb.state() == RED_IS
            bulb.mute = []
            await until(lambda: bulb.state() == OFF)
            await until(lambda: len(told(mine)) == 2)

    run(story())
    assert told(mine) == ["lamp: not restored: the lamp is away", "lamp: done"]
    assert caplog.text.count("not restored: the lamp is away; it will be tried again") == 1


def test_what_a_hand_has_changed_meanwhile_is_left_alone(house: Settings) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> None:
        async with over_while_away(mine) as (_, _sense, bulb):
            bulb.by_hand(brightness=90)
            bulb.mute = []
            await until(lambda: len(told(mine)) == 2)
            await asyncio.sleep(0.3)
            assert bulb.state() == RED_IS | {"brightness": 90}

    run(story())
    assert told(mine) == ["lamp: not restored: the lamp is away", "lamp: left alone, it was changed since"]


def test_a_fault_in_a_destination_is_told_once_and_does_not_end_the_tries(
    house: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> None:
        async with over_while_away(mine) as (_, _sense, bulb):
            bulb.mute = [RuntimeError("odd") for _ in range(3)]
            bulb.errors = [ValueError("odder")]
            await until(lambda: bulb.state() == OFF)

    run(story())
    assert caplog.text.count("lamp: a fault in Mien\nTraceback") == 2
    assert told(mine)[-1] == "lamp: done"


def test_a_fault_of_one_rule_ends_nothing_of_another(
    house: Settings, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> None:
        async with over_while_away(mine) as (hub, _sense, bulb):
            restore, asked = hub.actions._dispatcher.restore, []

            async def faulty(name: str) -> list[str]:
                asked.append(name)
                if len(asked) < 3:
                    raise RuntimeError("odd")
                return await restore(name)

            monkeypatch.setattr(hub.actions._dispatcher, "restore", faulty)
            bulb.mute = []
            await until(lambda: bulb.state() == OFF)

    run(story())
    assert "comfort: what it changed cannot be restored: a fault in Mien" in caplog.text


def test_a_rule_that_holds_keeps_its_lamp(house: Settings) -> None:
    mine = living_room(house, rule("comfort", Emotion.SAD, RED, restore=True))

    async def story() -> dict[str, Any]:
        async with over_while_away(mine) as (_, sense, bulb):
            bulb.reading.clear()
            bulb.mute = []
            sense.change(mood(Emotion.SAD))
            await asyncio.sleep(0.3)
            bulb.reading.set()
            await until(lambda: len(results(mine)) >= 3)
            await asyncio.sleep(0.5)
            return bulb.state()

    assert run(story()) == RED_IS

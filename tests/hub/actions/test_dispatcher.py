"""The dispatcher: every action gives a result, and the newest action wins."""

import asyncio
import logging
import time
from typing import Any

import pytest

from device.errors import ActionError
from device.hub.actions.base import DONE, Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.settings.actions.command import Command
from device.settings.actions.mqtt_publish import Publish
from device.settings.actions.virtual import Lamp, Player
from device.settings.actions.webhook import Webhook
from tests.hub.actions.fakes import BLUE, BLUE_IS, RED, RED_IS, BulbSetup
from tests.hub.actions.peers import LATER, WHY
from tests.hub.hub_running import run

# -- a result for everything


def test_the_result_is_done_or_what_went_wrong(caplog: pytest.LogCaptureFixture) -> None:
    async def story() -> None:
        setup = BulbSetup(limit_s=0.1)
        assert await setup.act("a", RED) == DONE
        setup.bulb.run_errors = [ActionError("the lamp is not there")]
        assert await setup.act("a", RED) == "the lamp is not there"
        setup.bulb.gates = [asyncio.Event()]
        assert await setup.act("a", RED) == "lamp: no answer within 0.1 s"
        assert await setup.all.run(Publish("a", "b"), WHY) == "mqtt: the settings name no destination for it"
        assert setup.all.state(Lamp) == RED_IS
        assert setup.all.state(Player) == {}
        await setup.all.close()

    run(story(), 3)
    assert "an action failed: the lamp is not there" in caplog.text


def test_a_dry_run_sends_nothing_and_says_what_it_would_do(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)

    async def story() -> None:
        setup = BulbSetup(dry=True)
        assert await setup.act("a", RED) == "dry run: lamp #ff0000 at 40 %"
        assert await setup.all.run(Webhook("http://x/secret"), WHY) == "dry run: webhook to x"
        assert await setup.all.restore("a") == []
        assert setup.bulb.changes == []

    run(story())
    assert "dry run: lamp #ff0000 at 40 %" in caplog.text


def test_a_program_has_the_time_limit_of_its_action() -> None:
    class Slow:
        async def run(self, _action: Command, _occasion: Trigger) -> None:
            await asyncio.sleep(0.3)

        def state(self) -> dict[str, Any]:
            return {}

    async def story() -> str:
        return await ActionDispatcher({Command: Slow()}, limit_s=0.1).run(Command(("x",), limit_s=1), WHY)

    assert run(story()) == DONE


# -- the newest wins


def test_a_newer_action_cancels_an_unfinished_older_one() -> None:
    async def story() -> None:
        setup = BulbSetup()
        setup.bulb.gates = [asyncio.Event()]
        older = asyncio.create_task(setup.all.run(RED, WHY))
        await asyncio.sleep(0.01)
        began_s = time.monotonic()
        assert await setup.all.run(BLUE, LATER) == DONE
        assert time.monotonic() - began_s < 0.5
        assert await older == "lamp: cancelled for a newer action"
        assert setup.bulb.changes == [BLUE_IS]

    run(story())


def test_actions_of_one_trigger_run_in_order() -> None:
    async def story() -> None:
        setup = BulbSetup()
        gate = asyncio.Event()
        setup.bulb.gates = [gate]
        first = asyncio.create_task(setup.all.run(RED, WHY))
        second = asyncio.create_task(setup.all.run(BLUE, WHY))
        await asyncio.sleep(0.01)
        gate.set()
        assert [await first, await second] == [DONE, DONE]
        assert setup.bulb.changes == [RED_IS, BLUE_IS]

    run(story())


def test_cancelling_the_caller_cancels_the_action() -> None:
    async def story() -> None:
        setup = BulbSetup()
        setup.bulb.gates = [asyncio.Event()]
        task = asyncio.create_task(setup.all.run(RED, WHY))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await setup.all.run(BLUE, LATER) == DONE
        assert setup.bulb.changes == [BLUE_IS]

    run(story())

"""A light that is slow to restore: only actions on the same light wait for it."""

import asyncio
import time
from typing import Any

from device.hub.actions.base import DONE, Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.restore.previous_state import PreviousState
from device.settings.actions.home_assistant import CallService
from tests.hub.actions.peers import Clock
from tests.hub.hub_running import run

HALL, SOFA, BOTH = "light.hall", "light.sofa", "light.both"
LIMIT_S = 1.5


class House:
    """Two lights and their group; a test decides how long a restore takes."""

    def __init__(self) -> None:
        self.brightness = {HALL: 10, SOFA: 20}
        self.back_s = 0.0
        self.read_s = 0.0
        self.clock = Clock()
        self.all = ActionDispatcher({CallService: self}, LIMIT_S, clock=self.clock)

    async def run(self, action: CallService, _occasion: Trigger) -> None:
        self.brightness |= dict.fromkeys(self.members(action), action.data["brightness"])

    async def capture_state(self, action: CallService) -> tuple[PreviousState, ...]:
        found = {light: {"brightness": self.brightness[light]} for light in self.members(action)}
        await asyncio.sleep(self.read_s)
        return tuple(
            PreviousState(light, look, {"brightness": action.data["brightness"]}) for light, look in found.items()
        )

    async def restore(self, previous: PreviousState) -> None:
        await asyncio.sleep(self.back_s)
        self.brightness[previous.target] = previous.state["brightness"]

    def members(self, action: CallService) -> list[str]:
        return [HALL, SOFA] if action.entity == BOTH else [action.entity]

    def state(self) -> dict[str, Any]:
        return {}

    async def act(self, rule: str, entity: str, brightness: int) -> str:
        self.clock.now_s += 20
        action = CallService("light.turn_on", entity, {"brightness": brightness})
        return await self.all.run(action, Trigger(rule, "", self.clock()), remember=True)

    async def end_slowly(self, rule: str, back_s: float) -> "asyncio.Task[list[str]]":
        """Start the restore of a rule; it is running when this returns."""
        self.back_s = back_s
        ending = asyncio.create_task(self.all.restore(rule))
        await asyncio.sleep(0.05)
        return ending


def test_another_light_does_not_wait_and_can_still_be_restored() -> None:
    async def story() -> None:
        house = House()
        assert await house.act("a", HALL, 90) == DONE
        ending = await house.end_slowly("a", 1.0)
        began_s = time.monotonic()
        assert await house.act("b", SOFA, 80) == DONE
        assert time.monotonic() - began_s < 0.3
        assert house.brightness == {HALL: 90, SOFA: 80}
        assert await ending == [f"{HALL}: done"]
        house.back_s = 0.0
        assert await house.all.restore("b") == [f"{SOFA}: done"]
        assert house.brightness == {HALL: 10, SOFA: 20}

    run(story())


def test_its_group_waits_longer_than_a_capture_may_take() -> None:
    async def story() -> None:
        house = House()
        assert await house.act("a", HALL, 90) == DONE
        ending = await house.end_slowly("a", 0.8)
        assert await house.act("b", BOTH, 80) == DONE
        assert house.brightness == {HALL: 80, SOFA: 80}
        assert await ending == [f"{HALL}: done"]
        house.back_s = 0.0
        assert await house.all.restore("b") == [f"{HALL}: done", f"{SOFA}: done"]
        assert house.brightness == {HALL: 10, SOFA: 20}

    run(story())


def test_a_group_is_read_again_if_a_restore_overlapped() -> None:
    async def story() -> None:
        house = House()
        assert await house.act("a", HALL, 90) == DONE
        house.read_s = 0.3
        beginning = asyncio.create_task(house.act("b", BOTH, 80))
        await asyncio.sleep(0.1)
        house.read_s = 0.0
        assert await house.all.restore("a") == [f"{HALL}: done"]
        assert await beginning == DONE
        assert await house.all.restore("b") == [f"{HALL}: done", f"{SOFA}: done"]
        assert house.brightness == {HALL: 10, SOFA: 20}

    run(story())


def test_waiting_has_a_limit_and_the_previous_state_is_still_captured() -> None:
    async def story() -> None:
        house = House()
        assert await house.act("a", HALL, 90) == DONE
        ending = await house.end_slowly("a", 60.0)
        assert await house.act("b", BOTH, 80) == DONE
        assert house.brightness == {HALL: 80, SOFA: 80}
        ending.cancel()
        house.back_s = 0.0
        assert await house.all.restore("b") == [f"{HALL}: done", f"{SOFA}: done"]
        assert house.brightness == {HALL: 10, SOFA: 20}

    run(story())

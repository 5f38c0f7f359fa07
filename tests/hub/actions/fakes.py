"""A dispatcher with one bulb that can be changed by hand and can fail."""

import asyncio
from typing import Any

from device.hub.actions.base import Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.restore.previous_state import PreviousState
from device.hub.actions.virtual import VirtualLamp
from device.settings.actions.virtual import Lamp
from tests.hub.actions.peers import Clock

OFF = {"on": False, "colour": "#000000", "brightness": 0}
RED, BLUE = Lamp("#ff0000", 40), Lamp("#0000ff", 80)
RED_IS = {"on": True, "colour": "#ff0000", "brightness": 40}
BLUE_IS = {"on": True, "colour": "#0000ff", "brightness": 80}


class Bulb(VirtualLamp):
    """A lamp that can be changed by hand and can fail."""

    def __init__(self) -> None:
        self.changes: list[dict[str, Any]] = []
        super().__init__(self.changes.append)
        self.run_errors: list[Exception] = []
        self.capture_errors: list[Exception] = []
        self.gates: list[asyncio.Event] = []
        self.settle_s = 0.0
        self.exists = True
        self.may_capture = asyncio.Event()
        self.may_capture.set()

    def by_hand(self, **look: Any) -> None:
        self._state = self._state | look

    async def run(self, action: Lamp, trigger: Trigger) -> None:
        if self.gates:
            await self.gates.pop(0).wait()
        if self.run_errors:
            raise self.run_errors.pop(0)
        await super().run(action, trigger)

    async def capture_state(self, action: Lamp) -> tuple[PreviousState, ...]:
        await self.may_capture.wait()
        if self.capture_errors:
            raise self.capture_errors.pop(0)
        (previous,) = await super().capture_state(action)
        return (
            (PreviousState("lamp", previous.state, previous.requested, settle_s=self.settle_s),) if self.exists else ()
        )

    async def restore(self, previous: PreviousState) -> None:
        if self.gates:
            await self.gates.pop(0).wait()
        if self.run_errors:
            raise self.run_errors.pop(0)
        await super().restore(previous)


class BulbSetup:
    """A dispatcher with one bulb."""

    def __init__(self, **options: Any) -> None:
        self.bulb = Bulb()
        self.clock = Clock()
        self.all = ActionDispatcher({Lamp: self.bulb}, clock=self.clock, **options)

    async def act(self, rule: str, action: Lamp, *, remember: bool = True) -> str:
        return await self.all.run(action, Trigger(rule, "", self.clock()), remember=remember)

    @property
    def is_now(self) -> dict[str, Any]:
        return self.bulb.state()

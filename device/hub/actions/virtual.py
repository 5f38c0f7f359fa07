"""The virtual lamp and the virtual player: a line in the log, and what the page shows."""

import logging
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from device.hub.actions.base import Destination, LastState, Resources, Trigger
from device.hub.actions.restore.previous_state import PreviousState, TargetState
from device.settings.actions.virtual import Lamp, Player
from device.system.journal import mood_level

_log = logging.getLogger(__name__)
A = TypeVar("A", Lamp, Player)


def build(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """Both."""
    return {Lamp: VirtualLamp(resources.on_lamp), Player: VirtualPlayer(resources.on_player)}


class _VirtualDevice(LastState, Generic[A]):
    """Calls `on_change` with each new state."""

    previous_type = None
    _to_state: Callable[[A], TargetState]
    _describe: Callable[[TargetState], str]

    def __init__(self, on_change: Callable[[TargetState], None]) -> None:
        self._on_change = on_change

    async def run(self, action: A, _trigger: Trigger) -> None:
        """Take on the state that `action` asks for."""
        self._set(self._to_state(action))

    async def capture_state(self, action: A) -> tuple[PreviousState, ...]:
        """The current state."""
        return (PreviousState(action.target, self.state(), self._to_state(action)),)

    async def restore(self, previous: PreviousState) -> None:
        """Take on that state again."""
        self._set(dict(previous.state))

    def _set(self, state: TargetState) -> None:
        self._state = state
        _log.log(mood_level(), "%s", self._describe(state))
        self._on_change(self.state())


class VirtualLamp(_VirtualDevice[Lamp]):
    """Its state is `{"on": bool, "colour": "#rrggbb", "brightness": 0..100}`; off at first."""

    _state: TargetState = {"on": False, "colour": "#000000", "brightness": 0}  # noqa: RUF012 - replaced, never changed

    def _to_state(self, action: Lamp) -> TargetState:
        return {"on": action.brightness > 0, "colour": action.colour.lower(), "brightness": action.brightness}

    def _describe(self, state: TargetState) -> str:
        return f"lamp   {state['colour']} at {state['brightness']} %"


class VirtualPlayer(_VirtualDevice[Player]):
    """Its state is `{"playing": bool, "playlist": str, "volume": 0..100}`; silent at first."""

    _state: TargetState = {"playing": False, "playlist": "", "volume": 0}  # noqa: RUF012 - replaced, never changed

    def _to_state(self, action: Player) -> TargetState:
        return {"playing": True, "playlist": action.playlist, "volume": action.volume}

    def _describe(self, state: TargetState) -> str:
        return f"player {state['playlist']} at {state['volume']} %" if state["playing"] else "player off"

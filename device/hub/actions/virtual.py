"""The virtual lamp and the virtual player: a line in the log, and what the page shows."""

import logging
from collections.abc import Callable
from typing import Any

from device.hub.actions.base import Destination, Resources, Trigger
from device.hub.actions.restore.previous_state import PreviousState
from device.settings.actions.virtual import Lamp, Player

_log = logging.getLogger(__name__)


def build(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """Both."""
    return {Lamp: VirtualLamp(resources.on_lamp), Player: VirtualPlayer(resources.on_player)}


class VirtualLamp:
    """Off at first. Calls `on_change` with each new state."""

    previous_type = None

    def __init__(self, on_change: Callable[[dict[str, Any]], None]) -> None:
        self._on_change = on_change
        self._state: dict[str, Any] = {"on": False, "colour": "#000000", "brightness": 0}

    async def run(self, action: Lamp, _trigger: Trigger) -> None:
        """Set the colour and the brightness in percent; 0 is off."""
        self._set(_lamp_state(action))

    def state(self) -> dict[str, Any]:
        """`{"on": bool, "colour": "#rrggbb", "brightness": 0..100}`."""
        return dict(self._state)

    async def capture_state(self, action: Lamp) -> tuple[PreviousState, ...]:
        """Its state."""
        return (PreviousState("lamp", self.state(), _lamp_state(action)),)

    async def restore(self, previous: PreviousState) -> None:
        """Set that state again."""
        self._set(dict(previous.state))

    def _set(self, state: dict[str, Any]) -> None:
        self._state = state
        _log.info("lamp   %s at %d %%", state["colour"], state["brightness"])
        self._on_change(self.state())


def _lamp_state(action: Lamp) -> dict[str, Any]:
    return {"on": action.brightness > 0, "colour": action.colour.lower(), "brightness": action.brightness}


class VirtualPlayer:
    """Silent at first. Calls `on_change` with each new state."""

    previous_type = None

    def __init__(self, on_change: Callable[[dict[str, Any]], None]) -> None:
        self._on_change = on_change
        self._state: dict[str, Any] = {"playing": False, "playlist": "", "volume": 0}

    async def run(self, action: Player, _trigger: Trigger) -> None:
        """Play the list at the volume in percent."""
        self._set(_player_state(action))

    def state(self) -> dict[str, Any]:
        """`{"playing": bool, "playlist": str, "volume": 0..100}`."""
        return dict(self._state)

    async def capture_state(self, action: Player) -> tuple[PreviousState, ...]:
        """Its state."""
        return (PreviousState("player", self.state(), _player_state(action)),)

    async def restore(self, previous: PreviousState) -> None:
        """Set that state again."""
        self._set(dict(previous.state))

    def _set(self, state: dict[str, Any]) -> None:
        self._state = state
        if state["playing"]:
            _log.info("player %s at %d %%", state["playlist"], state["volume"])
        else:
            _log.info("player off")
        self._on_change(self.state())


def _player_state(action: Player) -> dict[str, Any]:
    return {"playing": True, "playlist": action.playlist, "volume": action.volume}

"""The virtual lamp and the virtual player: a line in the log, and what the page shows."""

import logging
from collections.abc import Callable
from typing import Any

from device.hub.actions.base import Trigger
from device.hub.actions.restore.previous_state import PreviousState
from device.settings.actions import Lamp, Player

_log = logging.getLogger(__name__)


class VirtualLamp:
    """Off at first; `changed` hears each new state."""

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        self._changed = changed
        self._state: dict[str, Any] = {"on": False, "colour": "#000000", "brightness": 0}

    async def run(self, action: Lamp, _occasion: Trigger) -> None:
        """Take on the colour and the brightness in percent; 0 is off."""
        self._become(_lamp_state(action))

    def state(self) -> dict[str, Any]:
        """`{"on": bool, "colour": "#rrggbb", "brightness": 0..100}`."""
        return dict(self._state)

    async def former(self, action: Lamp) -> tuple[PreviousState, ...]:
        """Its state."""
        return (PreviousState("lamp", self.state(), _lamp_state(action)),)

    async def restore(self, former: PreviousState) -> None:
        """Take it on again."""
        self._become(dict(former.was))

    def _become(self, state: dict[str, Any]) -> None:
        self._state = state
        _log.info("lamp   %s at %d %%", state["colour"], state["brightness"])
        self._changed(self.state())


def _lamp_state(action: Lamp) -> dict[str, Any]:
    return {"on": action.brightness > 0, "colour": action.colour.lower(), "brightness": action.brightness}


class VirtualPlayer:
    """Silent at first; `changed` hears each new state."""

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        self._changed = changed
        self._state: dict[str, Any] = {"playing": False, "playlist": "", "volume": 0}

    async def run(self, action: Player, _occasion: Trigger) -> None:
        """Play the list at the volume in percent."""
        self._become(_player_state(action))

    def state(self) -> dict[str, Any]:
        """`{"playing": bool, "playlist": str, "volume": 0..100}`."""
        return dict(self._state)

    async def former(self, action: Player) -> tuple[PreviousState, ...]:
        """Its state."""
        return (PreviousState("player", self.state(), _player_state(action)),)

    async def restore(self, former: PreviousState) -> None:
        """Take it on again."""
        self._become(dict(former.was))

    def _become(self, state: dict[str, Any]) -> None:
        self._state = state
        if state["playing"]:
            _log.info("player %s at %d %%", state["playlist"], state["volume"])
        else:
            _log.info("player off")
        self._changed(self.state())


def _player_state(action: Player) -> dict[str, Any]:
    return {"playing": True, "playlist": action.playlist, "volume": action.volume}

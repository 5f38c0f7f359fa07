"""The virtual player: a line in the log and a line on the page."""

import logging
from collections.abc import Callable
from typing import Any

from device.destinations import Player
from device.hub.actions.former import Former
from device.hub.actions.occasion import Occasion

_log = logging.getLogger(__name__)


class VirtualPlayer:
    """Silent at first; `changed` hears each new state."""

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        self._changed = changed
        self._state: dict[str, Any] = {"playing": False, "playlist": "", "volume": 0}

    async def run(self, action: Player, _occasion: Occasion) -> None:
        """Play the list at the volume in percent."""
        self._become(_look(action))

    def state(self) -> dict[str, Any]:
        """`{"playing": bool, "playlist": str, "volume": 0..100}`."""
        return dict(self._state)

    async def former(self, action: Player) -> tuple[Former, ...]:
        """Its state."""
        return (Former("player", self.state(), _look(action)),)

    async def restore(self, former: Former) -> None:
        """Take it on again."""
        self._become(dict(former.was))

    def _become(self, state: dict[str, Any]) -> None:
        self._state = state
        if state["playing"]:
            _log.info("player %s at %d %%", state["playlist"], state["volume"])
        else:
            _log.info("player off")
        self._changed(self.state())


def _look(action: Player) -> dict[str, Any]:
    return {"playing": True, "playlist": action.playlist, "volume": action.volume}

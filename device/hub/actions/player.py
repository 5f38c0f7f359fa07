"""The virtual player: a line in the log and a line on the page."""

import logging
from collections.abc import Callable
from typing import Any

from device.destinations import Player

_log = logging.getLogger(__name__)


class VirtualPlayer:
    """Silent at first; `changed` hears each new state."""

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        self._changed = changed
        self._state: dict[str, Any] = {"playing": False, "playlist": "", "volume": 0}

    async def run(self, action: Player) -> None:
        """Play the list at the volume in percent."""
        self._state = {"playing": True, "playlist": action.playlist, "volume": action.volume}
        _log.info("player %s at %d %%", action.playlist, action.volume)
        self._changed(self.state())

    def state(self) -> dict[str, Any]:
        """`{"playing": bool, "playlist": str, "volume": 0..100}`."""
        return dict(self._state)

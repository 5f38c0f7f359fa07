"""The virtual lamp: a line in the log and a glow on the page."""

import logging
from collections.abc import Callable
from typing import Any

from device.destinations import Lamp

_log = logging.getLogger(__name__)


class VirtualLamp:
    """Off at first; `changed` hears each new state."""

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        self._changed = changed
        self._state: dict[str, Any] = {"on": False, "colour": "#000000", "brightness": 0}

    async def run(self, action: Lamp) -> None:
        """Take on the colour and the brightness in percent; 0 is off."""
        self._state = {"on": action.brightness > 0, "colour": action.colour.lower(), "brightness": action.brightness}
        _log.info("lamp   %s at %d %%", self._state["colour"], action.brightness)
        self._changed(self.state())

    def state(self) -> dict[str, Any]:
        """`{"on": bool, "colour": "#rrggbb", "brightness": 0..100}`."""
        return dict(self._state)

"""The virtual lamp: a line in the log and a glow on the page."""

import logging
from collections.abc import Callable
from typing import Any

from device.destinations import Lamp
from device.hub.actions.former import Former
from device.hub.actions.occasion import Occasion

_log = logging.getLogger(__name__)


class VirtualLamp:
    """Off at first; `changed` hears each new state."""

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        self._changed = changed
        self._state: dict[str, Any] = {"on": False, "colour": "#000000", "brightness": 0}

    async def run(self, action: Lamp, _occasion: Occasion) -> None:
        """Take on the colour and the brightness in percent; 0 is off."""
        self._become(_look(action))

    def state(self) -> dict[str, Any]:
        """`{"on": bool, "colour": "#rrggbb", "brightness": 0..100}`."""
        return dict(self._state)

    async def former(self, action: Lamp) -> tuple[Former, ...]:
        """Its state."""
        return (Former("lamp", self.state(), _look(action)),)

    async def restore(self, former: Former) -> None:
        """Take it on again."""
        self._become(dict(former.was))

    def _become(self, state: dict[str, Any]) -> None:
        self._state = state
        _log.info("lamp   %s at %d %%", state["colour"], state["brightness"])
        self._changed(self.state())


def _look(action: Lamp) -> dict[str, Any]:
    return {"on": action.brightness > 0, "colour": action.colour.lower(), "brightness": action.brightness}

"""WLED light strips."""

from typing import Annotated

from msgspec import Meta

from device.settings.actions.base import Action, describe_light
from device.settings.types import OptionalColour, Percent


class Wled(Action, frozen=True, tag="wled"):
    """Set a light strip."""

    restorable = True
    host: Annotated[str, Meta(min_length=1, pattern=r"^[a-zA-Z0-9_.:\[\]-]+\Z")]
    """The host, with the port if it is not 80."""
    brightness: Percent = 100
    """0 switches it off."""
    colour: OptionalColour = ""
    """Empty leaves it as it is."""
    preset: Annotated[int, Meta(ge=0, le=250)] = 0
    """The number of a preset stored in the strip; 0: none."""
    transition_s: Annotated[float, Meta(ge=0, le=6553.5)] = 2.0

    @property
    def description(self) -> str:
        """`WLED sofa.local #ffb46b at 40 %`."""
        look = f" preset {self.preset}" if self.preset else describe_light(self.colour, self.brightness)
        return f"WLED {self.host}{look}"

    @property
    def target(self) -> str:
        """The strip."""
        return f"wled {self.host.lower()}"

"""The virtual lamp and the virtual player: they exist on the console and on the page alone."""

from device.settings.actions.base import Action
from device.settings.types import Colour, Percent


class Lamp(Action, frozen=True, tag="lamp"):
    """Set the virtual lamp. A brightness of 0 switches it off."""

    target = "lamp"
    restorable = True
    colour: Colour = "#ffffff"
    brightness: Percent = 100

    @property
    def description(self) -> str:
        """`lamp #ffb46b at 40 %`."""
        return f"lamp {self.colour} at {self.brightness} %"


class Player(Action, frozen=True, tag="player"):
    """Play a list on the virtual player."""

    target = "player"
    restorable = True
    playlist: str
    volume: Percent = 50

    @property
    def description(self) -> str:
        """`player calm at 30 %`."""
        return f"player {self.playlist} at {self.volume} %"

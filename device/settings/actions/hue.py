"""A Philips Hue bridge: lights, groups and scenes."""

from typing import Annotated

from msgspec import Meta

from device.settings.actions.base import Action, describe_light
from device.settings.types import FilePath, OptionalColour, Percent, Port, Section, Uuid, about


class Hue(Section, frozen=True):
    """A Philips Hue bridge. Pair it with: mien hue pair ADDRESS."""

    bridge: Annotated[str, about("The bridge's address. Empty: no bridge.")] = ""
    port: Port = 443
    key_file: Annotated[
        FilePath, about("Written by pairing: the application key, and the SHA-256 of the bridge's certificate.")
    ] = ""


class HueLight(Action, frozen=True, tag="hue"):
    """Set a light or a group (room, zone), or recall a scene: one of the three."""

    needs = ("hue.bridge", "hue.key_file")
    setup_hint = "; pair with: mien hue pair ADDRESS"
    light: Uuid = ""
    group: Uuid = ""
    scene: Uuid = ""
    brightness: Percent = 100
    """0 switches it off."""
    colour: OptionalColour = ""
    """Empty leaves it as it is."""
    transition_s: Annotated[float, Meta(ge=0, le=6000)] = 2.0

    def __post_init__(self) -> None:
        if sum(map(bool, (self.light, self.group, self.scene))) != 1:
            raise ValueError("hue needs one of light, group and scene")

    @property
    def description(self) -> str:
        """`Hue light #ffb46b at 40 %`."""
        if self.scene:
            return f"Hue scene {self.scene}"
        return f"Hue {'group' if self.group else 'light'}{describe_light(self.colour, self.brightness)}"

    @property
    def target(self) -> str:
        """The light, the group or the scene."""
        kind = "light" if self.light else "group" if self.group else "scene"
        return f"hue {kind} {(self.light or self.group or self.scene).lower()}"

    @property
    def restorable(self) -> bool:
        """Not a scene: the bridge does not say which lights it changes."""
        return not self.scene

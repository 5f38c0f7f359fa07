"""The Hue bridge's answers about its lights (CLIP v2)."""

from typing import Annotated, Generic, TypeVar

from msgspec import Meta, Struct

from device.hub.actions.colour import Point, clamp_to_gamut, rgb_to_xy
from device.hub.actions.restore.previous_state import TargetState

T = TypeVar("T")
Rid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")]
"""Checked strictly, because it becomes part of an address."""


class HueError(Struct, frozen=True):
    """An error that the bridge reports."""

    description: str = ""


class Reference(Struct, frozen=True):
    """A reference to another resource."""

    rid: Rid
    rtype: str


class On(Struct, frozen=True):
    """Whether it is on."""

    on: bool


class Dimming(Struct, frozen=True):
    """The brightness."""

    brightness: float
    """Percent."""


class Xy(Struct, frozen=True):
    """A point of CIE 1931."""

    x: float
    y: float

    @property
    def point(self) -> Point:
        """As a tuple."""
        return self.x, self.y


class Gamut(Struct, frozen=True):
    """A light's primary colours."""

    red: Xy
    green: Xy
    blue: Xy


class Colour(Struct, frozen=True):
    """The colour, if the light has one."""

    xy: Xy
    gamut: Gamut | None = None


class White(Struct, frozen=True):
    """The white, if the light supports whites."""

    mirek: float | None = None
    mirek_valid: bool = False
    """Whether it shows a white at present."""


class Light(Struct, frozen=True):
    """A light."""

    id: Rid
    on: On
    owner: Reference | None = None
    dimming: Dimming | None = None
    color: Colour | None = None
    color_temperature: White | None = None

    def as_target_state(self) -> TargetState:
        """Its present state."""
        state: TargetState = {"on": self.on.on}
        if self.dimming:
            state["brightness"] = self.dimming.brightness
        white = self.color_temperature
        if white and white.mirek_valid and white.mirek:
            state["colour"] = ("kelvin", 1e6 / white.mirek)
        elif self.color:
            state["colour"] = ("xy", *self.color.xy.point)
        return state

    def predict_state(self, colour: str, brightness: int) -> TargetState:
        """What an action asks for, as far as this light supports it: `#rrggbb` or empty, and percent."""
        if not brightness:
            return {"on": False}
        requested: TargetState = {"on": True}
        if self.dimming:
            requested["brightness"] = float(brightness)
        if colour and self.color:
            point = rgb_to_xy(colour)
            if gamut := self.color.gamut:
                point = clamp_to_gamut(point, (gamut.red.point, gamut.green.point, gamut.blue.point))
            requested["colour"] = ("xy", *point)
        elif colour:
            requested["colour"] = None  # it shows some white instead
        return requested


class Place(Struct, frozen=True):
    """A room (of devices), a zone (of lights), or a group that belongs to one of them."""

    owner: Reference | None = None
    children: tuple[Reference, ...] = ()


class Outcome(Struct, frozen=True):
    """The answer to a PUT: errors if a light did not obey. The rest of it varies, and is not needed."""

    errors: tuple[HueError, ...] = ()


class Answer(Outcome, Generic[T], frozen=True):
    """The answer to a GET."""

    data: tuple[T, ...] = ()

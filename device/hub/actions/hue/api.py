"""What a Hue bridge says of its lights (CLIP v2), and a light of it as a look."""

from typing import Annotated

from msgspec import Meta, Struct

from device.hub.actions.colour import Point, shown, xy
from device.hub.actions.restore.previous_state import Look

Rid = Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")]
"""It becomes part of an address, so that nothing else is taken."""


class HueError(Struct, frozen=True):
    """An error."""

    description: str = ""


class Reference(Struct, frozen=True):
    """Of one resource to another."""

    rid: Rid
    rtype: str


class On(Struct, frozen=True):
    """Switched on."""

    on: bool


class Dimming(Struct, frozen=True):
    """How bright."""

    brightness: float
    """Percent."""


class Xy(Struct, frozen=True):
    """A point of CIE 1931."""

    x: float
    y: float

    @property
    def point(self) -> Point:
        """As a pair."""
        return self.x, self.y


class Gamut(Struct, frozen=True):
    """The primaries of a light."""

    red: Xy
    green: Xy
    blue: Xy


class Colour(Struct, frozen=True):
    """Of a light that has one."""

    xy: Xy
    gamut: Gamut | None = None


class Warmth(Struct, frozen=True):
    """Of a light that can show whites."""

    mirek: float | None = None
    mirek_valid: bool = False
    """Whether it shows a white now."""


class Light(Struct, frozen=True):
    """A light."""

    id: Rid
    on: On
    owner: Reference | None = None
    dimming: Dimming | None = None
    color: Colour | None = None
    color_temperature: Warmth | None = None

    def look(self) -> Look:
        """How it is now."""
        look: Look = {"on": self.on.on}
        if self.dimming:
            look["brightness"] = self.dimming.brightness
        warmth = self.color_temperature
        if warmth and warmth.mirek_valid and warmth.mirek:
            look["colour"] = ("kelvin", 1e6 / warmth.mirek)
        elif self.color:
            look["colour"] = ("xy", *self.color.xy.point)
        return look

    def asked(self, colour: str, brightness: int) -> Look:
        """What an action asks of it, as far as it can do that: `#rrggbb` or empty, and percent."""
        if not brightness:
            return {"on": False}
        asked: Look = {"on": True}
        if self.dimming:
            asked["brightness"] = float(brightness)
        if colour and self.color:
            gamut = self.color.gamut
            point = xy(colour)
            corners = (gamut.red.point, gamut.green.point, gamut.blue.point) if gamut else None
            asked["colour"] = ("xy", *(shown(point, corners) if corners else point))
        elif colour:
            asked["colour"] = None  # whatever white it makes of it
        return asked


class Lights(Struct, frozen=True):
    """`GET /clip/v2/resource/light`, or one of them."""

    data: tuple[Light, ...] = ()
    errors: tuple[HueError, ...] = ()


class Place(Struct, frozen=True):
    """A room (of devices) or a zone (of lights), or a group, which belongs to one of them."""

    owner: Reference | None = None
    children: tuple[Reference, ...] = ()


class Places(Struct, frozen=True):
    """`GET` of one of them."""

    data: tuple[Place, ...] = ()
    errors: tuple[HueError, ...] = ()


class Done(Struct, frozen=True):
    """What comes back of a PUT: errors, where a light did not obey."""

    errors: tuple[HueError, ...] = ()

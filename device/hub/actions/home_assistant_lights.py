"""A light as Home Assistant describes it -> a look, and the call that brings it back.

Source of the attributes: Home Assistant's developer documentation, "Light entity".
"""

import colorsys
from typing import Annotated, Any

from msgspec import Meta, Struct

from device.destinations import CallService
from device.hub.actions.colour import Point, xy
from device.hub.actions.former import Former, Look

_EntityId = Annotated[str, Meta(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+\Z")]
_Numbers = Annotated[tuple[float, ...], Meta(max_length=5)]

SETTLE_S = 2.0
"""Until a lamp's own report has reached its state."""
_BY_MODE = {
    "color_temp": "color_temp_kelvin",
    "xy": "xy_color",
    "hs": "hs_color",
    "rgb": "rgb_color",
    "rgbw": "rgbw_color",
    "rgbww": "rgbww_color",
}
_COLOURED = {"xy", "hs", "rgb", "rgbw", "rgbww"}
_KNOWN = {"brightness", "brightness_pct", "color_temp_kelvin", "rgb_color", "xy_color", "hs_color"}
_KNOWN |= {"transition", "entity_id"}
"""What else a call may hold can change the light in ways that nobody can tell beforehand: effects, profiles, names."""


class Attributes(Struct, frozen=True):
    """Of a light. None, or not there, where it is off or cannot do that."""

    brightness: float | None = None
    """0..255."""
    color_mode: str | None = None
    color_temp_kelvin: float | None = None
    xy_color: _Numbers | None = None
    hs_color: _Numbers | None = None
    rgb_color: _Numbers | None = None
    rgbw_color: _Numbers | None = None
    rgbww_color: _Numbers | None = None
    supported_color_modes: Annotated[tuple[str, ...], Meta(max_length=20)] | None = None
    entity_id: tuple[_EntityId, ...] = ()
    """The members, where it is a group."""


class Entity(Struct, frozen=True):
    """`GET /api/states/<entity>`."""

    entity_id: _EntityId
    state: str
    attributes: Attributes = Attributes()

    @property
    def reachable(self) -> bool:
        """Whether it says how it is."""
        return self.state in ("on", "off")


def former_of(entity: Entity, asked: Look, data: dict[str, Any]) -> Former:
    """The light before a call that asks `asked` of it with `data`."""
    about = entity.attributes
    mode = about.color_mode or ""
    value = getattr(about, _BY_MODE[mode]) if mode in _BY_MODE else None
    more: dict[str, Any] = {}
    was: Look = {"on": entity.state == "on"}
    if was["on"] and about.brightness is not None:
        was["brightness"] = about.brightness / 2.55
        more["brightness"] = round(about.brightness)
    if was["on"] and value is not None:
        more[_BY_MODE[mode]] = value
        if mode == "color_temp":
            was["colour"] = ("kelvin", value)
        elif about.xy_color and len(about.xy_color) == 2:
            was["colour"] = ("xy", *about.xy_color)
    transition = data.get("transition")
    fade_s = float(transition) if isinstance(transition, int | float) and transition > 0 else 0.0
    if fade_s:
        more["transition"] = fade_s
    return Former(
        f"home_assistant {entity.entity_id}", was, asked, alone=not asked["on"], settle_s=fade_s + SETTLE_S, more=more
    )


def asked_of(action: CallService, entity: Entity) -> Look:
    """What the call asks of this light, as far as that can be told."""
    data = action.data
    brightness = _brightness(data)
    if action.service.endswith("turn_off") or brightness == 0:
        return {"on": False}
    asked: Look = {"on": True}
    modes = {*(entity.attributes.supported_color_modes or ())}
    if brightness is not None and modes != {"onoff"}:
        asked["brightness"] = brightness
    if "color_temp_kelvin" in data:
        kelvin = data["color_temp_kelvin"]
        asked["colour"] = ("kelvin", kelvin) if "color_temp" in modes and isinstance(kelvin, int | float) else None
    elif {"rgb_color", "xy_color", "hs_color"} & {*data}:
        point = _point(data)
        asked["colour"] = ("xy", *point) if point and modes & _COLOURED else None
    if {*data} - _KNOWN:
        asked |= {"colour": None, "brightness": None}
    return asked


def restoring(former: Former) -> tuple[str, dict[str, Any]]:
    """The service and its data."""
    target = {"entity_id": former.target.removeprefix("home_assistant ")}
    if former.was["on"]:
        return "light.turn_on", target | former.more
    return "light.turn_off", target | {key: value for key, value in former.more.items() if key == "transition"}


def _brightness(data: dict[str, Any]) -> float | None:
    """Percent, if the call says it."""
    for key, scale in (("brightness_pct", 1.0), ("brightness", 2.55)):
        if isinstance(data.get(key), int | float):
            return float(data[key]) / scale
    return None


def _point(data: dict[str, Any]) -> Point | None:
    """The colour that a call asks for; None where it is no colour."""
    try:
        if "xy_color" in data:
            x, y = map(float, data["xy_color"])
            return x, y
        if "hs_color" in data:
            hue, saturation = map(float, data["hs_color"])
            channels = [round(255 * c) for c in colorsys.hsv_to_rgb(hue / 360, saturation / 100, 1.0)]
        else:
            channels = [int(c) for c in data["rgb_color"]]
    except (TypeError, ValueError):
        return None
    return xy("#" + "".join(f"{min(max(c, 0), 255):02x}" for c in channels)) if len(channels) == 3 else None

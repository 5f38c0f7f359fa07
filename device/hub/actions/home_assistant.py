"""Services of Home Assistant, over REST; its lights can be brought back."""

import colorsys
import contextlib
from collections.abc import Callable
from typing import Annotated, Any

from msgspec import Meta, Struct
from yarl import URL

from device.errors import ActionError
from device.hub.actions.base import Trigger
from device.hub.actions.colour import Point, xy
from device.hub.actions.restore.previous_state import Look, PreviousState
from device.hub.actions.transport.delivery import Delivery
from device.hub.actions.transport.http import Answer, Http, address, encoded, plain_text
from device.settings import actions
from device.settings.actions import CallService, comes_back, repeatable
from device.system.secrets import read_secret

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


def previous_state(entity: Entity, asked: Look, data: dict[str, Any]) -> PreviousState:
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
    return PreviousState(
        f"home_assistant {entity.entity_id}", was, asked, alone=not asked["on"], settle_s=fade_s + SETTLE_S, more=more
    )


def requested_look(action: CallService, entity: Entity) -> Look:
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


def restoring(former: PreviousState) -> tuple[str, dict[str, Any]]:
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


_NAME = "Home Assistant"
SERVICE_S = 12.0
"""It answers when the service is through, which takes its time where a speaker wakes up or a script waits."""
_MAX_MEMBERS = 32
"""Of a group of lights, with those of the groups in it."""


class _Refusal(Struct):
    """What it says with a status of 400 and more."""

    message: Annotated[str, Meta(max_length=10_000)] = ""


class HomeAssistantServices:
    """One Home Assistant; its token is read anew each time, so that a corrected file needs no restart."""

    def __init__(self, there: actions.HomeAssistant, http: Http, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._there = there
        self._http = http
        # A few that take long must not keep the lights waiting.
        self._delivery = delivery(_NAME, parallel=8, attempt_s=5.0, whole_s=SERVICE_S + 1)
        self._state: dict[str, Any] = {}

    async def run(self, action: CallService, _occasion: Trigger) -> None:
        """Returns when it has carried out the service. Raises ActionError."""
        about = action.data | ({"entity_id": action.entity} if action.entity else {})
        await self._call(action.service, about)
        self._state = {"service": action.service, "entity": action.entity}

    def state(self) -> dict[str, Any]:
        """The last service called: `{"service", "entity"}`; empty before the first."""
        return dict(self._state)

    async def former(self, action: CallService) -> tuple[PreviousState, ...]:
        """Of a light that is to be turned on or off, or of each light of such a group; of nothing else."""
        if not comes_back(action):
            return ()
        lights = await self._lights(action.entity)
        return tuple(previous_state(one, requested_look(action, one), action.data) for one in lights if one.reachable)

    async def restore(self, former: PreviousState) -> None:
        """Turn the light on as it was, or off. Raises ActionError."""
        await self._call(*restoring(former))

    async def _lights(self, entity: str) -> list[Entity]:
        """The light; of a group, its lights, and those of the groups in it, each once."""
        found: list[Entity] = []
        left, seen = [entity], {entity}
        while left:
            one = await self._entity(left.pop(0))
            members = [member for member in one.attributes.entity_id if member.startswith("light.")]
            if not members:
                found.append(one)
            new = [member for member in dict.fromkeys(members) if member not in seen][: _MAX_MEMBERS + 1 - len(seen)]
            left += new
            seen.update(new)
        return found

    async def _call(self, service: str, about: dict[str, Any]) -> None:
        domain, _, verb = service.partition(".")

        async def attempt() -> None:
            async with self._http.ask(
                _NAME,
                "POST",
                self._url(f"api/services/{domain}/{verb}"),
                headers=self._headers(),
                body=encoded(about),
            ) as answer:
                # Its body, all states that changed, may be long, and tells nothing more.
                await self._check(answer, service)

        gently = repeatable(service) and not any("step" in key for key in about)
        await self._delivery.run(attempt, repeatable=gently, work_s=SERVICE_S)

    async def _entity(self, entity: str) -> Entity:
        async def attempt() -> Entity:
            url = self._url(f"api/states/{entity}")
            async with self._http.ask(_NAME, "GET", url, headers=self._headers()) as answer:
                await self._check(answer, entity)
                return await answer.decoded(Entity)

        return await self._delivery.run(attempt)

    async def _check(self, answer: Answer, what: str) -> None:
        """Raises ActionError where it was refused."""
        if answer.status < 300:
            return
        if answer.status in (401, 403):
            raise ActionError(
                f"{_NAME}: the token is not taken (answered {answer.status}); make a long-lived one in your profile "
                f"there, and write it to {self._there.token_file}"
            )
        said = ""
        with contextlib.suppress(ActionError):  # a refusal needs no reason
            said = (await answer.decoded(_Refusal)).message
        reason = f": {plain_text(said)}" if said else ""
        raise ActionError(f"{_NAME}: {what} was refused (answered {answer.status}{reason}); does it have that?")

    def _url(self, path: str) -> URL:
        return address(_NAME, f"{self._there.url.rstrip('/')}/{path}")

    def _headers(self) -> dict[str, str]:
        token = read_secret(self._there.token_file, "Home Assistant's token")
        return {"Authorization": f"Bearer {token}"}

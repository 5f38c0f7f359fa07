"""Calls Home Assistant's services over REST; its lights can be restored."""

import colorsys
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any, NoReturn

from msgspec import Meta, Struct

from device.errors import ActionError
from device.hub.actions.base import Destination, LastState, Resources, Trigger
from device.hub.actions.colour import Point, rgb_to_xy
from device.hub.actions.restore.previous_state import PreviousState, TargetState
from device.hub.actions.transport.delivery import Delivery
from device.hub.actions.transport.http import Http, Response, clean_text, encode_json, parse_url
from device.settings.actions.home_assistant import CallService, HomeAssistant
from device.system.secrets import read_secret

_EntityId = Annotated[str, Meta(pattern=r"^[a-z0-9_]+\.[a-z0-9_]+\Z")]
_Numbers = Annotated[tuple[float, ...], Meta(max_length=5)]

_NAME = "Home Assistant"
SETTLE_S = 2.0
"""The time until a lamp's own report has reached Home Assistant's state."""
_MAX_MEMBERS = 32
"""The maximum number of lights in a group, including those of nested groups."""
_COLOURED = {"xy", "hs", "rgb", "rgbw", "rgbww"}
_BY_MODE = {"color_temp": "color_temp_kelvin", **{mode: f"{mode}_color" for mode in _COLOURED}}
_POINTS = {"rgb_color", "xy_color", "hs_color"}
_KNOWN = _POINTS | {"brightness", "brightness_pct", "color_temp_kelvin", "transition", "entity_id"}
"""Any other data, such as effects, profiles and colour names, change the light in ways that cannot be predicted."""


def build(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """If the settings name an address."""
    settings = resources.settings.home_assistant
    return {CallService: HomeAssistantServices(settings, resources.http)} if settings.url else {}


class Attributes(Struct, frozen=True):
    """A light's attributes. None or missing when it is off or does not support it."""

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
    """The members of a group."""


class Entity(Struct, frozen=True):
    """`GET /api/states/<entity>`."""

    entity_id: _EntityId
    state: str
    attributes: Attributes = Attributes()


def to_previous_state(entity: Entity, requested: TargetState, data: dict[str, Any]) -> PreviousState:
    """The light before a call with `data`, which asks for `requested`."""
    attributes = entity.attributes
    mode = attributes.color_mode or ""
    value = getattr(attributes, _BY_MODE[mode]) if mode in _BY_MODE else None
    details: dict[str, Any] = {}
    state: TargetState = {"on": entity.state == "on"}
    if state["on"] and attributes.brightness is not None:
        state["brightness"] = attributes.brightness / 2.55
        details["brightness"] = round(attributes.brightness)
    if state["on"] and value is not None:
        details[_BY_MODE[mode]] = value
        if mode == "color_temp":
            state["colour"] = ("kelvin", value)
        elif attributes.xy_color and len(attributes.xy_color) == 2:
            state["colour"] = ("xy", *attributes.xy_color)
    fade_s = 0.0
    transition = data.get("transition")
    if isinstance(transition, int | float) and transition > 0:
        fade_s = details["transition"] = float(transition)
    return PreviousState(
        f"home_assistant {entity.entity_id}",
        state,
        requested,
        is_complete=not requested["on"],
        settle_s=fade_s + SETTLE_S,
        details=details,
    )


def predict_state(action: CallService, entity: Entity) -> TargetState:
    """What the call asks of this light, as far as it can be predicted."""
    data = action.data
    brightness = _brightness_percent(data)
    if action.service.endswith("turn_off") or brightness == 0:
        return {"on": False}
    requested: TargetState = {"on": True}
    modes = {*(entity.attributes.supported_color_modes or ())}
    if brightness is not None and modes != {"onoff"}:
        requested["brightness"] = brightness
    if "color_temp_kelvin" in data:
        kelvin = data["color_temp_kelvin"]
        requested["colour"] = ("kelvin", kelvin) if "color_temp" in modes and isinstance(kelvin, int | float) else None
    elif _POINTS & {*data}:
        point = _point(data)
        requested["colour"] = ("xy", *point) if point and modes & _COLOURED else None
    if {*data} - _KNOWN:
        requested |= {"colour": None, "brightness": None}
    return requested


def _brightness_percent(data: dict[str, Any]) -> float | None:
    """None if the call does not set it."""
    for key, scale in (("brightness_pct", 1.0), ("brightness", 2.55)):
        if isinstance(data.get(key), int | float):
            return float(data[key]) / scale
    return None


def _point(data: dict[str, Any]) -> Point | None:
    """The colour in a call; None if it is not valid."""
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
    return rgb_to_xy("#" + "".join(f"{min(max(c, 0), 255):02x}" for c in channels)) if len(channels) == 3 else None


class _Refusal(Struct):
    """The answer with a status of 400 or more."""

    message: Annotated[str, Meta(max_length=10_000)] = ""


class HomeAssistantServices(LastState):
    """One Home Assistant. The token is read for each call, so that a corrected file needs no restart.

    `service_s` limits a service. Home Assistant answers after it has finished, which takes time if a script waits.
    """

    previous_type = dict

    def __init__(
        self,
        settings: HomeAssistant,
        http: Http,
        delivery: Callable[..., Delivery] = Delivery,
        service_s: float = 12.0,
    ) -> None:
        self._settings = settings
        self._http = http
        # Eight at a time, so that a few slow services do not delay the lights.
        self._delivery = delivery(_NAME, parallel=8, attempt_s=5.0, total_s=service_s + 1)
        self._service_s = service_s

    async def run(self, action: CallService, _trigger: Trigger) -> None:
        """Returns when Home Assistant has carried out the service. Raises ActionError."""
        data = action.data | ({"entity_id": action.entity} if action.entity else {})
        await self._call(action.service, data, idempotent=action.idempotent)
        self._state = {"service": action.service, "entity": action.entity}

    async def capture_state(self, action: CallService) -> tuple[PreviousState, ...]:
        """The state of a light, or of each light of a group, that is turned on or off; nothing for other services."""
        if not action.restorable:
            return ()
        reachable = [one for one in await self._lights(action.entity) if one.state in ("on", "off")]
        return tuple(to_previous_state(one, predict_state(action, one), action.data) for one in reachable)

    async def restore(self, previous: PreviousState) -> None:
        """Turn the light on as it was, or off. Raises ActionError."""
        data = {"entity_id": previous.target.removeprefix("home_assistant "), **previous.details}
        await self._call("light.turn_on" if previous.state["on"] else "light.turn_off", data, idempotent=True)

    async def _lights(self, entity: str) -> list[Entity]:
        """The light itself, or all lights of a group and of the groups in it, each once."""
        found: list[Entity] = []
        pending, seen = [entity], {entity}
        while pending:
            one = await self._entity(pending.pop(0))
            members = [member for member in one.attributes.entity_id if member.startswith("light.")]
            if not members:
                found.append(one)
            new = [member for member in dict.fromkeys(members) if member not in seen][: _MAX_MEMBERS + 1 - len(seen)]
            pending += new
            seen.update(new)
        return found

    async def _call(self, service: str, data: dict[str, Any], *, idempotent: bool) -> None:
        domain, _, verb = service.partition(".")

        async def attempt() -> None:
            async with self._request("POST", f"services/{domain}/{verb}", service, encode_json(data)):
                pass  # the body, all states that changed, may be long and is not needed

        await self._delivery.run(attempt, idempotent=idempotent, work_s=self._service_s)

    async def _entity(self, entity: str) -> Entity:
        async def attempt() -> Entity:
            async with self._request("GET", f"states/{entity}", entity) as response:
                return await response.decode(Entity)

        return await self._delivery.run(attempt)

    @contextlib.asynccontextmanager
    async def _request(self, method: str, path: str, what: str, body: bytes | None = None) -> AsyncIterator[Response]:
        """The response to a request about `what`. Raises ActionError if it was refused."""
        url = parse_url(_NAME, f"{self._settings.url.rstrip('/')}/api/{path}")
        token = read_secret(self._settings.token_file, "Home Assistant's token")
        headers = {"Authorization": f"Bearer {token}"}
        async with self._http.request(_NAME, method, url, headers=headers, body=body) as response:
            if response.status >= 300:
                await self._refuse(response, what)
            yield response

    async def _refuse(self, response: Response, what: str) -> NoReturn:
        if response.status in (401, 403):
            raise ActionError(
                f"{_NAME}: the token is not accepted (answered {response.status}); make a long-lived one in your "
                f"profile there, and write it to {self._settings.token_file}"
            )
        reason = ""
        with contextlib.suppress(ActionError):  # a refusal may come without one
            if message := (await response.decode(_Refusal)).message:
                reason = f": {clean_text(message)}"
        raise ActionError(f"{_NAME}: {what} was refused (answered {response.status}{reason}); does it have that?")

"""A Hue bridge over its local API (CLIP v2): lights, groups and scenes. Its certificate is pinned."""

from collections.abc import Callable, Iterable
from types import NoneType
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import Fingerprint
from msgspec import Meta, Struct
from yarl import URL

from device.errors import ActionError
from device.hub.actions.base import Destination, LastState, Resources, Trigger
from device.hub.actions.colour import rgb_to_xy
from device.hub.actions.hue.api import Answer, Light, Outcome, Place
from device.hub.actions.restore.previous_state import PreviousState, TargetState
from device.hub.actions.transport.delivery import Delivery, MinIntervalGate
from device.hub.actions.transport.http import MAX_BYTES, Http, clean_text, encode_json, parse_url
from device.settings.actions.hue import Hue, HueLight
from device.system.secrets import read_secret

T = TypeVar("T")
A = TypeVar("A", bound=Outcome)

SETTLE_S = 2.0
"""The time after a transition until the bridge reports the light's new state."""
_MAX_LIST_BYTES = 1_048_576  # each light in the list takes two kilobytes


def build(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """If the settings name a bridge."""
    return {HueLight: HueBridge(resources.settings.hue, resources.http)} if resources.settings.hue.bridge else {}


class Key(Struct, frozen=True):
    """The result of pairing."""

    application_key: str
    certificate_sha256: Annotated[str, Meta(pattern=r"^[0-9a-fA-F]{64}\Z")]


class HueBridge(LastState):
    """One bridge. It allows three concurrent requests, and per second ten commands to lights and one to a group."""

    previous_type = NoneType

    def __init__(self, settings: Hue, http: Http, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._settings = settings
        self._http = http
        self._name = f"Hue bridge {settings.bridge}"
        # Slightly below its limits: requests sent evenly do not arrive evenly.
        self._delivery = delivery(self._name, parallel=3, per_s=9.0)
        self._group_gate = MinIntervalGate(1.05)
        self._pin: Fingerprint | None = None

    async def run(self, action: HueLight, _trigger: Trigger) -> None:
        """Returns when the bridge has accepted it. Raises ActionError."""
        duration = {"duration": round(1000 * action.transition_s)}
        if action.scene:
            await self._put("scene", action.scene, {"recall": {"action": "active", **duration}})
            self._state = {"scene": action.scene}
            return
        command: dict[str, Any] = {"on": {"on": action.brightness > 0}, "dynamics": duration}
        if action.brightness:
            command["dimming"] = {"brightness": action.brightness}
        if action.brightness and action.colour:
            x, y = rgb_to_xy(action.colour)
            command["color"] = {"xy": {"x": x, "y": y}}
        kind, rid = ("group", action.group) if action.group else ("light", action.light)
        await self._put("grouped_light" if action.group else "light", rid, command)
        self._state = {kind: rid, "brightness": action.brightness, "colour": action.colour}

    async def capture_state(self, action: HueLight) -> tuple[PreviousState, ...]:
        """The state of the light, or of each light of the group; nothing for a scene."""
        return tuple(
            PreviousState(
                f"hue light {light.id.lower()}",
                light.as_target_state(),
                light.predict_state(action.colour, action.brightness),
                is_complete=not action.brightness,
                settle_s=action.transition_s + SETTLE_S,
            )
            for light in await self._lights(action)
        )

    async def restore(self, previous: PreviousState) -> None:
        """Restore one light. Raises ActionError."""
        await self._put("light", previous.target.removeprefix("hue light "), _build_restore_command(previous.state))

    async def _lights(self, action: HueLight) -> Iterable[Light]:
        """The light, or the lights of a group: of its zone, of the devices in its room, or of the whole house."""
        if action.light:
            return await self._get(f"light/{action.light}", Answer[Light])
        groups = await self._get(f"grouped_light/{action.group}", Answer[Place]) if action.group else ()
        owner = groups[0].owner if groups else None
        if owner is None:
            return ()
        all_lights = await self._get("light", Answer[Light])
        if owner.rtype not in ("room", "zone"):
            return all_lights
        places = await self._get(f"{owner.rtype}/{owner.rid}", Answer[Place])
        children = {child.rid for place in places for child in place.children}
        return [one for one in all_lights if one.id in children or (one.owner and one.owner.rid in children)]

    async def _put(self, kind: str, rid: str, command: dict[str, Any]) -> None:
        gate = self._group_gate if kind == "grouped_light" else None
        body = encode_json(command)
        await self._delivery.run(lambda: self._request("PUT", f"{kind}/{rid}", Outcome, body), gate=gate)

    async def _get(self, path: str, kind: type[Answer[T]]) -> tuple[T, ...]:
        answer = await self._delivery.run(lambda: self._request("GET", path, kind))
        return answer.data

    async def _request(self, method: str, path: str, kind: type[A], body: bytes | None = None) -> A:
        key, pin = self._read_key()
        url = build_bridge_url(self._name, self._settings.bridge, self._settings.port, f"clip/v2/resource/{path}")
        headers = {"hue-application-key": key}
        async with self._http.request(self._name, method, url, headers=headers, body=body, pin=pin) as response:
            if response.status in (401, 403):
                raise ActionError(
                    f"{self._name}: the key in {self._settings.key_file} is not accepted; pair again: "
                    f"mien hue pair {self._settings.bridge}"
                )
            if response.status == 404:
                raise ActionError(f"{self._name}: there is no {path.replace('/', ' ')} (any more)")
            answer = await response.decode(kind, _MAX_LIST_BYTES if path == "light" else MAX_BYTES)
            if response.status >= 400 or answer.errors:
                errors = clean_text("; ".join(error.description for error in answer.errors[:3]))
                raise ActionError(f"{self._name}: {path.replace('/', ' ')}: {errors or f'answered {response.status}'}")
            return answer

    def _read_key(self) -> tuple[str, Fingerprint]:
        """The key, and the certificate that it may be sent to. Read for each request. Raises ActionError."""
        path = self._settings.key_file
        try:
            key = msgspec.json.decode(read_secret(path, "the Hue bridge's key"), type=Key)
            if not key.application_key.isprintable():
                raise ValueError("not printable")
        except (msgspec.DecodeError, ValueError):
            again = f"pair again: mien hue pair {self._settings.bridge}"
            raise ActionError(f"{path}: not a file that pairing wrote; {again}") from None
        digest = bytes.fromhex(key.certificate_sha256)
        if self._pin is None or self._pin.fingerprint != digest:  # keep the object: connections are pooled by it
            self._pin = Fingerprint(digest)
        return key.application_key, self._pin


def build_bridge_url(name: str, host: str, port: int, path: str) -> URL:
    """Raises ActionError if `host` is not an address."""
    bare = host.strip("[]")
    return parse_url(name, f"https://{f'[{bare}]' if ':' in bare else bare}:{port}/{path}")


def _build_restore_command(state: TargetState) -> dict[str, Any]:
    """The command for a state. A light that was off is only switched off: it accepts no colour while off."""
    command: dict[str, Any] = {"on": {"on": state["on"]}, "dynamics": {"duration": 1000}}
    if state["on"] and "brightness" in state:
        command["dimming"] = {"brightness": state["brightness"]}
    match state.get("colour") if state["on"] else None:
        case ("kelvin", kelvin):
            command["color_temperature"] = {"mirek": round(1e6 / kelvin)}
        case ("xy", x, y):
            command["color"] = {"xy": {"x": x, "y": y}}
    return command

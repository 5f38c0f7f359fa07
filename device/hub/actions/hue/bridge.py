"""A Hue bridge, over its own API (CLIP v2): lights, groups and scenes. Its certificate is pinned."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from aiohttp import Fingerprint
from msgspec import Struct
from yarl import URL

from device.errors import ActionError
from device.hub.actions.base import Trigger
from device.hub.actions.colour import xy
from device.hub.actions.hue.api import Done, Light, Lights, Places
from device.hub.actions.restore.previous_state import Look, PreviousState
from device.hub.actions.transport.delivery import Delivery, MinIntervalGate
from device.hub.actions.transport.http import Http, address, encoded, plain_text
from device.settings import actions
from device.settings.actions import HueLight, comes_back
from device.system.secrets import read_secret

T = TypeVar("T", Done, Lights, Places)

SETTLE_S = 2.0
_MAX_BYTES = 1_048_576
"""Of the list of all lights: two kilobytes each."""
_RESTORE_MS = 1000


class Key(Struct, frozen=True):
    """What pairing wrote."""

    application_key: str
    certificate_sha256: str
    """In hexadecimal."""


class HueBridge:
    """One bridge. Its limits: three requests at a time, ten commands to lights and one to a group in a second."""

    def __init__(self, there: actions.Hue, http: Http, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._there = there
        self._http = http
        self._name = f"Hue bridge {there.bridge}"
        # A little less than its limits: what leaves evenly does not arrive so.
        self._delivery = delivery(self._name, parallel=3, per_s=9.0)
        self._groups = MinIntervalGate(1.05)
        self._pin: Fingerprint | None = None
        self._state: dict[str, Any] = {}

    async def run(self, action: HueLight, _occasion: Trigger) -> None:
        """Returns when the bridge has taken it. Raises ActionError."""
        duration = {"duration": round(1000 * action.transition_s)}
        if action.scene:
            await self._put("scene", action.scene, {"recall": {"action": "active", **duration}})
            self._state = {"scene": action.scene}
            return
        command: dict[str, Any] = {"on": {"on": action.brightness > 0}, "dynamics": duration}
        if action.brightness:
            command["dimming"] = {"brightness": action.brightness}
        if action.brightness and action.colour:
            command["color"] = _colour(xy(action.colour))
        if action.group:
            await self._put("grouped_light", action.group, command)
        else:
            await self._put("light", action.light, command)
        place = {"group": action.group} if action.group else {"light": action.light}
        self._state = {**place, "brightness": action.brightness, "colour": action.colour}

    def state(self) -> dict[str, Any]:
        """The last light or group with `brightness` and `colour`, or the last scene; empty before the first."""
        return dict(self._state)

    async def former(self, action: HueLight) -> tuple[PreviousState, ...]:
        """Of the light, or of each light of the group; of a scene, nothing: it does not tell its lights."""
        if not comes_back(action):
            return ()
        lights = (await self._get(f"light/{action.light}", Lights)).data if action.light else await self._of(action)
        return tuple(
            PreviousState(
                f"hue light {light.id.lower()}",
                light.look(),
                light.asked(action.colour, action.brightness),
                alone=not action.brightness,
                settle_s=action.transition_s + SETTLE_S,
            )
            for light in lights
        )

    async def restore(self, former: PreviousState) -> None:
        """One light, as it was. Raises ActionError."""
        await self._put("light", former.target.removeprefix("hue light "), _restoring(former.was))

    async def _of(self, action: HueLight) -> list[Light]:
        """The lights of a group: of the zone's own, or of the devices in the room, or of the whole house."""
        groups = (await self._get(f"grouped_light/{action.group}", Places)).data
        owner = groups[0].owner if groups else None
        if owner is None:
            return []
        everything = (await self._get("light", Lights)).data
        if owner.rtype not in ("room", "zone"):
            return list(everything)
        places = (await self._get(f"{owner.rtype}/{owner.rid}", Places)).data
        inside = {child.rid for place in places for child in place.children}
        return [one for one in everything if one.id in inside or (one.owner and one.owner.rid in inside)]

    async def _put(self, kind: str, rid: str, command: dict[str, Any]) -> None:
        lane = self._groups if kind == "grouped_light" else None
        body = encoded(command)
        await self._delivery.run(lambda: self._ask("PUT", f"{kind}/{rid}", Done, body), lane=lane)

    async def _get(self, path: str, kind: type[T]) -> T:
        return await self._delivery.run(lambda: self._ask("GET", path, kind))

    async def _ask(self, method: str, path: str, kind: type[T], body: bytes | None = None) -> T:
        key, pin = self._key()
        url = bridge_url(self._name, self._there.bridge, self._there.port, f"clip/v2/resource/{path}")
        headers = {"hue-application-key": key}
        async with self._http.ask(self._name, method, url, headers=headers, body=body, pin=pin) as answer:
            if answer.status in (401, 403):
                raise ActionError(
                    f"{self._name}: the key in {self._there.key_file} is not taken; pair again: "
                    f"mien hue pair {self._there.bridge}"
                )
            if answer.status == 404:
                raise ActionError(f"{self._name}: there is no {path.replace('/', ' ')} (any more)")
            found = await answer.decoded(kind, _MAX_BYTES if path == "light" else 65_536)
            if answer.status >= 400 or found.errors:
                said = plain_text("; ".join(error.description for error in found.errors[:3]))
                raise ActionError(f"{self._name}: {path.replace('/', ' ')}: {said or f'answered {answer.status}'}")
            return found

    def _key(self) -> tuple[str, Fingerprint]:
        """The key, and the certificate that it may be shown to. Read anew each time; raises ActionError."""
        path, again = self._there.key_file, f"pair again: mien hue pair {self._there.bridge}"
        try:
            key = msgspec.json.decode(read_secret(path, "the Hue bridge's key"), type=Key)
        except msgspec.DecodeError:
            raise ActionError(f"{path}: not what pairing wrote; {again}") from None
        if not re.fullmatch(r"[0-9a-fA-F]{64}", key.certificate_sha256) or not key.application_key.isprintable():
            raise ActionError(f"{path}: not what pairing wrote; {again}")
        digest = bytes.fromhex(key.certificate_sha256)
        if self._pin is None or self._pin.fingerprint != digest:  # one object a certificate: connections are kept by it
            self._pin = Fingerprint(digest)
        return key.application_key, self._pin


def bridge_url(name: str, host: str, port: int, path: str) -> URL:
    """Raises ActionError where `host` is no address."""
    bare = host.strip("[]")
    return address(name, f"https://{f'[{bare}]' if ':' in bare else bare}:{port}/{path}")


def _colour(point: tuple[float, float]) -> dict[str, Any]:
    return {"xy": {"x": point[0], "y": point[1]}}


def _restoring(was: Look) -> dict[str, Any]:
    """The command for a look. A light that was off is only switched off: in the dark, it takes no colour."""
    command: dict[str, Any] = {"on": {"on": was["on"]}, "dynamics": {"duration": _RESTORE_MS}}
    if was["on"] and "brightness" in was:
        command["dimming"] = {"brightness": was["brightness"]}
    match was.get("colour") if was["on"] else None:
        case ("kelvin", kelvin):
            command["color_temperature"] = {"mirek": round(1e6 / kelvin)}
        case ("xy", x, y):
            command["color"] = _colour((x, y))
    return command

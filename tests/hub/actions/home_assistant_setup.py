"""A fake Home Assistant with lights, and a house whose hub has its token."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from device.hub.actions.base import Trigger
from device.hub.actions.colour import rgb_to_xy
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.home_assistant import HomeAssistantServices
from device.hub.actions.transport.http import Http
from device.settings.actions.home_assistant import CallService, HomeAssistant
from tests.hub.actions.peers import Clock, Peer, Request, json_response

TOKEN = "eyJhbGciOiJIUzI1NiJ9.a-long-lived.token"  # noqa: S105
COLOUR = {"supported_color_modes": ["color_temp", "xy"], "brightness": 153, "color_mode": "color_temp"}
COLOUR |= {"color_temp_kelvin": 2700, "xy_color": [0.459, 0.411], "rgb_color": [255, 167, 89]}
LAMP = "light.lamp"


@dataclass
class Instance(Peer):
    """Lights by entity: state and attributes."""

    lights: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            LAMP: {"state": "on", **COLOUR},
            "light.dim": {"state": "on", "brightness": 100, "color_mode": "brightness"}
            | {"supported_color_modes": ["brightness"]},
            "light.plug": {"state": "on", "color_mode": "onoff", "supported_color_modes": ["onoff"]},
            "light.strip": {"state": "on", "brightness": 200, "color_mode": "rgbw", "xy_color": [0.4, 0.5]}
            | {"rgbw_color": [200, 100, 0, 40], "supported_color_modes": ["rgbw"]},
            "light.away": {"state": "unavailable"},
        }
    )

    delay_s: float = 0.0
    """How long it takes to read a state or to carry out a service."""

    async def answer(self, request: Request) -> web.Response:
        await asyncio.sleep(self.delay_s)
        if request.headers.get("Authorization") != f"Bearer {TOKEN}":
            return web.Response(status=401, text="401: Unauthorized")
        if request.method == "GET":
            entity = request.path.removeprefix("/api/states/")
            if entity not in self.lights:
                return json_response({"message": "Entity not found."}, 404)
            light = dict(self.lights[entity])
            state = light.pop("state")
            if state != "on":
                light = {name: light[name] for name in light if name in ("supported_color_modes", "entity_id")}
            return json_response(
                {"entity_id": entity, "state": state, "attributes": light, "last_changed": "2026-11-21"}
            )
        assert request.headers["Content-Type"] == "application/json"
        if request.path == "/api/services/light/turn_on":
            for entity in self.members(request.json["entity_id"]):
                self.turn_on(self.lights[entity], request.json)
        elif request.path == "/api/services/light/turn_off":
            for entity in self.members(request.json["entity_id"]):
                self.lights[entity]["state"] = "off"
        elif request.path == "/api/services/light/none":
            return json_response({"message": "Service light.none not\nfound."}, 400)
        return json_response([{"entity_id": "light.x", "attributes": {"padding": "x" * 1000}}] * 200)

    def members(self, entity: str) -> list[str]:
        inside = self.lights[entity].get("entity_id", [])
        return [*(one for member in inside for one in self.members(member)), entity]

    def turn_on(self, light: dict[str, Any], about: dict[str, Any]) -> None:
        light["state"] = "on"
        modes = light.get("supported_color_modes", [])
        if modes == ["onoff"]:
            return
        if "brightness_pct" in about or "brightness" in about:
            light["brightness"] = about.get("brightness", round(about.get("brightness_pct", 0) * 2.55))
        if "color_temp_kelvin" in about and "color_temp" in modes:
            light |= {"color_mode": "color_temp", "color_temp_kelvin": about["color_temp_kelvin"]}
        if "effect" in about:
            light |= {"brightness": 3, "xy_color": [0.1, 0.1]}
        if point := self.point(about):
            if "xy" in modes:
                light |= {"color_mode": "xy", "xy_color": list(point), "color_temp_kelvin": None}
            elif "rgbw" in modes:
                light |= {"rgbw_color": [1, 2, 3, 4], "xy_color": list(point)}
        if "rgbw_color" in about and "rgbw" in modes:
            light |= {"rgbw_color": about["rgbw_color"], "xy_color": [0.4, 0.5]}

    def point(self, about: dict[str, Any]) -> Any:
        if "rgb_color" in about:
            return rgb_to_xy("#{:02x}{:02x}{:02x}".format(*about["rgb_color"]))
        return rgb_to_xy("#ff0000") if "hs_color" in about else about.get("xy_color")

    def calls(self) -> list[tuple[str, Any]]:
        return [
            (request.path.removeprefix("/api/services/"), request.json)
            for request in self.requests
            if request.method == "POST"
        ]


class House:
    def __init__(self, there: HomeAssistant, http: Http | None = None, **limits: float) -> None:
        self.clock, self.http = Clock(), http or Http()
        self.services = HomeAssistantServices(there, self.http, self.clock.make_deliveries(per_s=500.0), **limits)
        self.all = ActionDispatcher({CallService: self.services}, clock=self.clock)

    async def act(self, service: str, entity: str = "", rule: str = "a", remember: bool = True, **data: Any) -> str:
        self.clock.now_s += 20
        trigger = Trigger(rule, "", self.clock())
        return await self.all.run(CallService(service, entity, data), trigger, remember=remember)

    async def end(self, rule: str = "a") -> list[str]:
        self.clock.now_s += 20
        return await self.all.restore(rule)


@asynccontextmanager
async def living(token_file: Path, **limits: float) -> AsyncIterator[tuple[Instance, House]]:
    async with Instance() as instance:
        house = House(HomeAssistant(f"http://{instance.host}/", str(token_file)), None, **limits)
        try:
            yield instance, house
        finally:
            await house.http.close()

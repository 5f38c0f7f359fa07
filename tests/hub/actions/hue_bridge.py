"""A fake bridge that checks each request as Philips documents it, and stores the state of its lights."""

import asyncio
import re
import ssl
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web

from device.hub.actions.colour import Point, clamp_to_gamut
from tests.hub.actions.peers import Peer, Request, busy, json_response

KEY = "secret-key-of-the-bridge"
GAMUT_B = ((0.675, 0.322), (0.409, 0.518), (0.167, 0.04))
LAMP, STRIP, WHITE, PLUG, FAR = (f"{n:08d}-1111-4222-8333-444444444444" for n in range(1, 6))
ROOM, ZONE, HOME, SCENE = (f"{n:08d}-aaaa-4222-8333-444444444444" for n in range(1, 5))
IN_ROOM, IN_ZONE, IN_HOME = (f"{n:08d}-bbbb-4222-8333-444444444444" for n in range(1, 4))


def device_of(light: str) -> str:
    return light.replace("1111", "cccc")


@dataclass
class Lamp:
    on: bool = True
    brightness: float | None = 60.0
    xy: Point | None = (0.4573, 0.41)
    mirek: int | None = 366
    gamut: tuple[Point, Point, Point] | None = GAMUT_B

    def document(self, rid: str) -> dict[str, Any]:
        document: dict[str, Any] = {"id": rid, "type": "light", "on": {"on": self.on}, "mode": "normal"}
        document["owner"] = {"rid": device_of(rid), "rtype": "device"}
        if self.brightness is not None:
            document["dimming"] = {"brightness": self.brightness, "min_dim_level": 0.2}
            document["color_temperature"] = {"mirek": self.mirek, "mirek_valid": self.mirek is not None}
        if self.xy:
            document["color"] = {"xy": _xy(self.xy)}
        if self.xy and self.gamut:
            corners = dict(zip(("red", "green", "blue"), map(_xy, self.gamut), strict=True))
            document["color"] |= {"gamut": corners, "gamut_type": "B"}
        return document

    def take(self, command: dict[str, Any]) -> None:
        self.on = command.get("on", {"on": self.on})["on"]
        if self.brightness is not None and "dimming" in command:
            self.brightness = round(command["dimming"]["brightness"] * 254 / 100) / 2.54
        if self.xy and "color" in command:
            point = command["color"]["xy"]["x"], command["color"]["xy"]["y"]
            self.xy, self.mirek = clamp_to_gamut(point, self.gamut) if self.gamut else point, None
        elif self.mirek and "color" in command:
            self.mirek = 200  # the nearest white
        if "color_temperature" in command:
            self.mirek = command["color_temperature"]["mirek"]


def _xy(point: Point) -> dict[str, float]:
    return {"x": round(point[0], 4), "y": round(point[1], 4)}


@dataclass
class Bridge(Peer):
    """Three lights and a plug in a room, and another light outside it."""

    pressed: bool = False
    delay_s: float = 0.02
    asked_to_pair: int = 0
    most_at_once: int = 0
    lights: dict[str, Lamp] = field(
        default_factory=lambda: {
            LAMP: Lamp(),
            STRIP: Lamp(mirek=None, xy=(0.3, 0.3), gamut=None),
            WHITE: Lamp(xy=None),
            PLUG: Lamp(brightness=None, xy=None, mirek=None),
            FAR: Lamp(),
        }
    )
    _under_way: int = 0

    async def answer(self, request: Request) -> web.Response:
        self._under_way += 1
        self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            await asyncio.sleep(self.delay_s)
            return busy(429) if self._under_way > 3 else self._answer(request)
        finally:
            self._under_way -= 1

    def _answer(self, request: Request) -> web.Response:
        if request.path == "/api":
            return self._pair(request)
        if request.headers.get("hue-application-key") != KEY:
            return web.Response(status=403, text="<html>Forbidden</html>", content_type="text/html")
        found = re.fullmatch(r"/clip/v2/resource/([a-z_]+)(?:/([0-9a-f-]{36}))?", request.path)
        assert found, request.path
        kind, rid = found.groups()
        if request.method == "PUT":
            return self._put(kind, rid, request.json)
        assert request.method == "GET"
        documents = self._documents(kind, rid)
        if documents is None:
            return json_response({"errors": [{"description": "Not Found"}], "data": []}, 404)
        return json_response({"errors": [], "data": documents})

    def _pair(self, request: Request) -> web.Response:
        assert request.method == "POST"
        assert re.fullmatch(r"[a-z]{1,20}#[A-Za-z0-9-]{1,19}", request.json["devicetype"])
        assert request.json["generateclientkey"] is True
        self.asked_to_pair += 1
        if not self.pressed:
            return json_response([{"error": {"type": 101, "address": "", "description": "link button not pressed"}}])
        return json_response([{"success": {"username": KEY, "clientkey": "0123456789ABCDEF0123456789ABCDEF"}}])

    def _documents(self, kind: str, rid: str | None) -> list[dict[str, Any]] | None:
        if kind == "light":
            return [lamp.document(one) for one, lamp in self.lights.items() if rid in (None, one)] or None
        owners = {ROOM: ("room", IN_ROOM), ZONE: ("zone", IN_ZONE), HOME: ("bridge_home", IN_HOME)}
        if kind == "grouped_light" and rid in owners:
            rtype, owner = owners[rid]
            return [{"id": rid, "type": kind, "owner": {"rid": owner, "rtype": rtype}, "on": {"on": True}}]
        children = {
            ("room", IN_ROOM): [{"rid": device_of(one), "rtype": "device"} for one in (LAMP, STRIP, WHITE, PLUG)],
            ("zone", IN_ZONE): [{"rid": one, "rtype": "light"} for one in (LAMP, FAR)],
        }
        found = children.get((kind, rid or ""))
        return None if found is None else [{"id": rid, "type": kind, "children": found}]

    def _put(self, kind: str, rid: str, command: dict[str, Any]) -> web.Response:
        if kind == "scene":
            assert command.keys() == {"recall"}
            assert command["recall"]["action"] == "active"
            return json_response({"data": [{"rid": rid, "rtype": kind}], "errors": []})
        assert command.keys() <= {"on", "dimming", "color", "color_temperature", "dynamics"}
        assert isinstance(command["on"]["on"], bool)
        assert 0 < command.get("dimming", {"brightness": 1})["brightness"] <= 100
        assert 0 <= command["dynamics"]["duration"] <= 6_000_000
        assert isinstance(command["dynamics"]["duration"], int)
        members = {ROOM: (LAMP, STRIP, WHITE, PLUG), ZONE: (LAMP, FAR), HOME: tuple(self.lights)}
        reached = members.get(rid, ()) if kind == "grouped_light" else (rid,) if rid in self.lights else ()
        if not reached:
            return json_response({"errors": [{"description": "Not Found"}], "data": []}, 404)
        for one in reached:
            self.lights[one].take(command)
        return json_response({"data": [{"rid": rid, "rtype": kind}], "errors": []})

    def commands(self) -> list[tuple[str, Any]]:
        """The PUT requests in order: (path, command)."""
        return [
            (request.path.removeprefix("/clip/v2/resource/"), request.json)
            for request in self.requests
            if request.method == "PUT"
        ]


def certificate(folder: Path, name: str) -> ssl.SSLContext:
    """A new self-signed certificate, like a bridge's."""
    key, cert = folder / f"{name}.key", folder / f"{name}.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", str(key), "-out", str(cert), "-days", "2", "-subj", f"/CN={name}"]
    subprocess.run(command, check=True, capture_output=True, timeout=20)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    return context

"""A house with a paired Hue bridge."""

import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

from device.hub.actions.base import Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.actions.hue.bridge import HueBridge
from device.hub.actions.hue.pairing import get_fingerprint
from device.hub.actions.transport.http import Http
from device.settings.actions.hue import Hue, HueLight
from tests.hub.actions.hue_bridge import KEY, Bridge
from tests.hub.actions.peers import Clock

Certificates = tuple[ssl.SSLContext, ssl.SSLContext]


class House:
    """A bridge that Mien is paired with."""

    def __init__(self, bridge: Bridge, key_file: Path, clock: Clock) -> None:
        self.bridge, self.clock = bridge, clock
        self.http = Http()
        self.hue = HueBridge(Hue("127.0.0.1", bridge.port, str(key_file)), self.http, clock.make_deliveries())
        self.all = ActionDispatcher({HueLight: self.hue}, clock=clock)

    async def act(self, action: HueLight, rule: str = "comfort", *, remember: bool = False) -> str:
        self.clock.now_s += 10
        return await self.all.run(action, Trigger(rule, "", self.clock()), remember=remember)

    async def end(self, rule: str = "comfort") -> list[str]:
        self.clock.now_s += 10
        return await self.all.restore(rule)


@contextlib.asynccontextmanager
async def paired(tls: ssl.SSLContext, tmp_path: Path, key: str = KEY) -> AsyncIterator[House]:
    async with Bridge(tls) as bridge:
        path = tmp_path / "hue.json"
        document = {"application_key": key, "certificate_sha256": await get_fingerprint("127.0.0.1", bridge.port)}
        path.write_text(json.dumps(document))
        house = House(bridge, path, Clock())
        try:
            yield house
        finally:
            await house.http.close()

"""What Home Assistant is told about this device: published, renewed, and taken back when a part of it is gone."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from device import settings
from device.hub import discovery
from device.hub.state import Json, Snapshot
from device.kept import keep

_log = logging.getLogger(__name__)

FILE_NAME = "discovery.json"


class _Published(Struct, frozen=True):
    """What the broker was given last."""

    topic: str = ""
    document: Json = {}


class Announcement:
    """The discovery document of one Mien on one broker. What was published is kept, to know what has gone since."""

    def __init__(self, broker: settings.Mqtt, name: str, state_dir: Path, now: Callable[[], Snapshot]) -> None:
        self._broker = broker
        self._name = name
        self._path = state_dir / FILE_NAME
        self._now = now
        self.status_topic = f"{broker.discovery_prefix.strip('/')}/status" if broker.discovery else ""
        """Where Home Assistant says `online` when it has started; empty when it is told nothing."""

    async def publish(self, send: Callable[[str, str], Awaitable[None]]) -> None:
        """Give `send(topic, payload)` what is to be retained, in order. Raises what `send` raises."""
        old = await asyncio.to_thread(self._last)
        if not self._broker.discovery:
            new = _Published()
        else:
            document = discovery.document(self._now(), name=self._name, prefix=self._broker.prefix)
            new = _Published(discovery.topic(self._broker.discovery_prefix, self._name), document)
        if old.topic and old.topic != new.topic:
            await send(old.topic, "")  # the device under its former name, or that is not to be shown any more
        before = old.document if old.topic == new.topic else {}
        for one in discovery.removal(before, new.document) or [new.document]:
            if one:
                await send(new.topic, json.dumps(one, allow_nan=False))
        if new != old:
            await asyncio.to_thread(self._keep, new)

    def _last(self) -> _Published:
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=_Published)
        except FileNotFoundError:
            return _Published()
        except (OSError, msgspec.DecodeError) as error:
            _log.warning("%s: cannot be read (%s); a part that has gone may stay in Home Assistant", self._path, error)
            return _Published()

    def _keep(self, published: _Published) -> None:
        try:
            keep(self._path, published)
        except OSError as error:
            _log.warning("%s: cannot be kept (%s); a part that goes may stay in Home Assistant", self._path, error)

"""The broker: a connection kept alive, a last will, the newest state retained, and an event for each change."""

import asyncio
import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aiomqtt import Client, MqttError, Will

from device import settings
from device.errors import ActionError

_log = logging.getLogger(__name__)

Json = dict[str, Any]

KEEPALIVE_S = 4
"""A frozen broker is noticed after twice that, a killed one at once."""
ANSWER_S = 4.0
"""The broker must acknowledge within this."""
REPEAT_S = 30.0
"""The state is published at least so often."""
WINDOW_S = 1.0
"""In so long, at most two states are published: one for what drifts, and one kept free for what changes."""
# A restarted broker is back within a second or two, a broken one is not hammered.
_BACKOFF_S = (0.5, *[1.0] * 10, 2.0, 5.0, 10.0, 30.0, 60.0)


class Mqtt:
    """One broker. `health` hears a text whenever it changes: empty while connected."""

    def __init__(self, broker: settings.Mqtt, name: str, health: Callable[[str], None]) -> None:
        self._broker = broker
        self._name = name
        self._health = health
        self._topic = f"{broker.prefix.strip('/')}/{name}"
        self._client: Client | None = None
        self._state: Json | None = None
        self._sent: Json | None = None
        self._urgent = False
        self._stopping = False
        self._sent_at_s: deque[float] = deque([-1e9, -1e9], maxlen=2)
        self._wake = asyncio.Event()

    @property
    def connected(self) -> bool:
        """The broker has accepted us, and has not gone since."""
        return self._client is not None

    def show(self, state: Json, *, urgent: bool = False) -> None:
        """The newest state, to be published when it differs from the last; `urgent` when someone may wait for it."""
        self._urgent |= urgent and state != self._state
        self._state = state
        self._wake.set()

    async def event(self, document: Json) -> bool:
        """A change, not retained. True when the broker has acknowledged it; an old event is worth nothing."""
        try:
            await self.publish(f"{self._topic}/event", json.dumps(document))
        except ActionError as error:
            _log.debug("%s", error)
            return False
        return True

    async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Returns when the broker has acknowledged (QoS 1). Raises ActionError."""
        client = self._client
        if client is None:
            raise ActionError(f"mqtt: {topic} was not sent, the broker is away")
        try:
            await client.publish(topic, payload, qos=1, retain=retain, timeout=ANSWER_S)
        except (MqttError, ValueError) as error:
            raise ActionError(f"mqtt: {topic} was not taken: {error}") from error

    def stop(self) -> None:
        """To be called before `run` is cancelled.

        An error of the connection in the same moment takes the place of the cancellation (the goodbye fails, or the
        task group prefers the error), and `run` has to know that it was told to end.
        """
        self._stopping = True

    async def run(self) -> None:
        """Stay connected until stopped and cancelled; then say `offline`."""
        failures = 0
        while True:
            began_s = time.monotonic()
            try:
                await self._session()
            except* (MqttError, OSError, ValueError) as group:
                error = group.exceptions[0]
                while isinstance(error, BaseExceptionGroup):
                    error = error.exceptions[0]
            if self._stopping:
                raise asyncio.CancelledError
            failures = 0 if time.monotonic() - began_s > 10 else failures
            wait_s = _BACKOFF_S[min(failures, len(_BACKOFF_S) - 1)]
            where = f"{self._broker.host}:{self._broker.port}"
            self._health(f"MQTT broker {where} is away ({error}); it is tried again")
            if failures % 10 == 0:
                _log.warning("MQTT broker %s: %s; trying again in %g s", where, error, wait_s)
            failures += 1
            await asyncio.sleep(wait_s)

    async def _session(self) -> None:
        """From one connect to its end, which is always an exception."""
        availability = f"{self._topic}/availability"
        client = Client(
            self._broker.host,
            self._broker.port,
            username=self._broker.username or None,
            password=self._password(),
            # Always the same: a broker that has not yet noticed the old connection's end replaces it, instead of
            # saying its last will after we came back.
            identifier=f"mien-{self._name}",
            will=Will(availability, "offline", qos=1, retain=True),
            keepalive=KEEPALIVE_S,
            timeout=ANSWER_S,
        )
        async with client:
            try:
                await client.publish(availability, "online", qos=1, retain=True)
                self._client, self._sent = client, None
                _log.info("MQTT broker %s:%d: connected", self._broker.host, self._broker.port)
                self._health("")
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._show(client))
                    # The messages end with an MqttError when the connection does, and take _show with them.
                    group.create_task(_listen(client))
            except asyncio.CancelledError:
                self._stopping = True
                with contextlib.suppress(MqttError):
                    await client.publish(availability, "offline", qos=1, retain=True, timeout=1.0)
                raise
            finally:
                self._client = None

    async def _show(self, client: Client) -> None:
        """Publish the newest state: when it changed, not too often, and again after REPEAT_S."""
        while True:
            now_s = time.monotonic()
            due_s = self._sent_at_s[-1] + REPEAT_S
            if self._state != self._sent:
                due_s = self._sent_at_s[0 if self._urgent else -1] + WINDOW_S
                due_s = min(due_s, now_s) if self._sent is None else due_s
            if self._state is None:
                due_s = now_s + REPEAT_S
            elif due_s <= now_s:
                state, self._urgent = self._state, False
                self._sent_at_s.append(now_s)
                await client.publish(f"{self._topic}/state", json.dumps(state), qos=1, retain=True)
                self._sent = state
                continue
            try:
                async with asyncio.timeout(max(due_s - now_s, 0.01)):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()

    def _password(self) -> str | None:
        """Read anew at each connect, so that a corrected file needs no restart. Raises OSError."""
        if not self._broker.password_file:
            return None
        return Path(self._broker.password_file).expanduser().read_text(encoding="utf-8").strip()


async def _listen(client: Client) -> None:
    async for message in client.messages:
        _log.debug("MQTT: %s was not expected", message.topic)

"""The broker: a connection kept alive, a last will, the newest state retained, and an event for each change."""

import asyncio
import contextlib
import json
import logging
import random
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from aiomqtt import Client, MqttError

from device.errors import ActionError
from device.hub.mqtt.backoff import ReconnectBackoff
from device.hub.mqtt.commands import CommandLimiter
from device.hub.mqtt.connection import (
    ANSWER_S,
    AclRejections,
    RefusedError,
    build_client,
    client_identifier,
    describe_error,
    is_session_taken_over,
    load_credentials,
)
from device.hub.mqtt.discovery import DiscoveryPublisher
from device.hub.mqtt.outbox import Outbox
from device.hub.state.snapshot import Json
from device.settings import schema

_log = logging.getLogger(__name__)

REPEAT_S = 30.0
"""The state is published at least so often."""
WINDOW_S = 1.0
"""In so long, at most two states are published: one for what drifts, and one kept free for what changes."""
BIRTH_S = (0.5, 3.0)
"""Home Assistant has started: the devices of a house are not to answer all at once."""
BIRTH_APART_S = 10.0
"""Nor again and again, whoever says that it has started."""
AWAY_S = 8.0
"""What a rule sends waits so long for a broker that restarts."""
_TWIN = "if a second Mien has this home.name, give one of them another"


class MqttSession:
    """One broker. `health` hears a text whenever it changes: empty while connected.

    `acknowledged` is called for each message that the broker has taken.
    """

    def __init__(
        self,
        broker: schema.Mqtt,
        name: str,
        health: Callable[[str], None],
        *,
        outbox: Outbox | None = None,
        announcement: DiscoveryPublisher | None = None,
        commands: CommandLimiter | None = None,
        acknowledged: Callable[[], None] = lambda: None,
    ) -> None:
        self._broker = broker
        self._name = name
        self._health = health
        self._outbox = outbox
        self._announcement = announcement
        self._commands = commands
        self._acknowledged = acknowledged
        self._topic = f"{broker.prefix.strip('/')}/{name}"
        self._client: Client | None = None
        self._there = asyncio.Event()
        self._refusals = AclRejections()
        self._connected_s: float | None = None
        self._state: Json | None = None
        self._sent: Json | None = None
        self._urgent = False
        self._stopping = False
        self._sent_at_s: deque[float] = deque([-1e9, -1e9], maxlen=2)
        self._wake = asyncio.Event()
        self._born = asyncio.Event()

    @property
    def connected(self) -> bool:
        """The broker has accepted us, and has not gone since."""
        return self._client is not None

    def show(self, state: Json, *, urgent: bool = False) -> None:
        """The newest state, to be published when it differs from the last; `urgent` when someone may wait for it."""
        self._urgent |= urgent and state != self._state
        self._state = state
        self._wake.set()

    async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Returns when the broker has acknowledged (QoS 1). Raises ActionError.

        It waits for AWAY_S for a broker that is away, but sends nothing twice: who hears TOGGLE twice hears nothing.
        """
        try:
            async with asyncio.timeout(AWAY_S):
                while not (client := self._client):
                    await self._there.wait()
        except TimeoutError as error:
            raise ActionError(f"mqtt: {topic} was not sent, the broker is away") from error
        try:
            await self._send(client, topic, payload, retain=retain)
        except RefusedError as error:
            raise ActionError(
                f"mqtt: {topic} was refused by the broker ({error}); allow it in its access list"
            ) from error
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
        patience = ReconnectBackoff()
        broker = f"{self._broker.host}:{self._broker.port}"
        while True:
            self._connected_s = None
            _forget_cancellations()
            try:
                await self._session()
            except* (MqttError, OSError, ValueError) as group:
                ended: BaseException = group
            if self._stopping:
                raise asyncio.CancelledError
            held_s = None if self._connected_s is None else time.monotonic() - self._connected_s
            wait_s = patience.after(held_s, taken_over=is_session_taken_over(ended))
            why = f"is away ({describe_error(_first(ended), self._broker)})"
            if is_session_taken_over(ended):
                why = f"sent us away for another client that calls itself {client_identifier(self._name)}, too; {_TWIN}"
            elif patience.odd:
                why += f"; it lets us in and soon ends it, again and again: {_TWIN}"
            self._health(f"MQTT broker {broker} {why}; it is tried again")
            if patience.tells:
                _log.warning("MQTT broker %s %s; trying again in %g s", broker, why, wait_s)
            await asyncio.sleep(wait_s)

    async def _session(self) -> None:
        """From one connect to its end, which is always an exception."""
        availability = f"{self._topic}/availability"
        credentials = await asyncio.to_thread(load_credentials, self._broker)
        client = build_client(self._broker, credentials, self._name, availability)
        async with client:
            try:
                _end_if_cancelled()
                self._refusals = AclRejections()
                await self._subscribe(client)
                await self._announce(client)
                await self._tell(client, availability, "online")
                _end_if_cancelled()
                self._client, self._sent, self._connected_s = client, None, time.monotonic()
                _log.info("MQTT broker %s:%d: connected", self._broker.host, self._broker.port)
                self._there.set()
                self._say_refused()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._show(client))
                    group.create_task(self._greet(client))
                    # The messages end with an MqttError when the connection does, and take the others with them.
                    group.create_task(self._listen(client))
                    if self._outbox:
                        group.create_task(self._outbox.deliver(self._event(client)))
            except asyncio.CancelledError:
                self._stopping = True
                with contextlib.suppress(MqttError):
                    await client.publish(availability, "offline", qos=1, retain=True, timeout=1.0)
                raise
            finally:
                self._client = None
                self._there.clear()

    async def _send(self, client: Client, topic: str, payload: str, *, retain: bool = False) -> None:
        """With QoS 1. Raises MqttError."""
        await client.publish(topic, payload, qos=1, retain=retain, timeout=ANSWER_S)
        self._acknowledged()

    async def _tell(self, client: Client, topic: str, payload: str, *, retain: bool = True) -> None:
        """On a topic of ours. That the broker refuses it is no end of the connection; the health says so."""
        why = ""
        try:
            await self._send(client, topic, payload, retain=retain)
        except RefusedError as error:
            why = str(error)
        if self._refusals.note(topic, why) and self.connected:
            self._say_refused()

    def _say_refused(self) -> None:
        refused = self._refusals.text(client_identifier(self._name))
        self._health(f"MQTT broker {self._broker.host}:{self._broker.port}: {refused}" if refused else "")

    def _event(self, client: Client) -> Callable[[str], Coroutine[Any, Any, None]]:
        return lambda payload: self._tell(client, f"{self._topic}/event", payload, retain=False)

    # -- what comes

    async def _subscribe(self, client: Client) -> None:
        topics = [f"{self._topic}/+/set"] if self._commands else []
        if self._announcement and self._announcement.status_topic:
            topics.append(self._announcement.status_topic)
        for topic in topics:
            codes = await client.subscribe(topic, qos=1)
            _end_if_cancelled()
            if any((code if isinstance(code, int) else code.value) >= 128 for code in codes):
                self._refusals.note(topic, "to listen to")

    async def _listen(self, client: Client) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            if self._announcement and topic == self._announcement.status_topic:
                # A status that the broker has kept is no news: everything was announced just now.
                if message.payload == b"online" and not message.retain:
                    self._born.set()
            elif self._commands and topic.startswith(f"{self._topic}/") and topic.endswith("/set"):
                key = topic[len(self._topic) + 1 : -len("/set")]
                await self._commands.take(key, message.payload, retained=bool(message.retain))
            else:
                _log.debug("MQTT: %s was not expected", topic)

    # -- what is retained

    async def _announce(self, client: Client) -> None:
        if self._announcement:
            await self._announcement.publish(lambda topic, payload: self._tell(client, topic, payload))
            _end_if_cancelled()

    async def _greet(self, client: Client) -> None:
        """Each time that Home Assistant has started: the document again, then the state."""
        while True:
            await self._born.wait()
            await asyncio.sleep(random.uniform(*BIRTH_S))  # noqa: S311 - no secret
            self._born.clear()
            await self._announce(client)
            self._sent = None
            self._wake.set()
            await asyncio.sleep(BIRTH_APART_S)

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
                self._sent = state
                await self._tell(client, f"{self._topic}/state", json.dumps(state))
                _end_if_cancelled()
                continue
            try:
                async with asyncio.timeout(max(due_s - now_s, 0.01)):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()


def _first(error: BaseException) -> BaseException:
    return _first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _forget_cancellations() -> None:
    """Python 3.11's task group cancels the task that waits for it when a member fails, and leaves that counted."""
    task = asyncio.current_task()
    while task and task.cancelling():
        task.uncancel()


def _end_if_cancelled() -> None:
    """Python 3.11's wait_for, on which aiomqtt waits, loses a cancellation that comes together with the answer.

    A loop that lost its own would never end, and the task group would wait for it.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError

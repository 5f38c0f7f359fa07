"""The session with the broker: reconnects, announces, publishes state and events, and receives commands."""

import asyncio
import contextlib
import functools
import json
import logging
import random
import time
from collections import deque
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field

from aiomqtt import Client, MqttError

from device.errors import ActionError, SettingsError
from device.hub.mqtt import connection
from device.hub.mqtt.backoff import ReconnectBackoff
from device.hub.mqtt.commands import CommandLimiter
from device.hub.mqtt.discovery import DiscoveryPublisher
from device.hub.mqtt.outbox import Outbox
from device.hub.state.snapshot import Json
from device.settings import schema

_log = logging.getLogger(__name__)

REPEAT_S = 30.0
"""The longest time between publications of the state."""
WINDOW_S = 1.0
"""At most two states are published within this: one for a drifting value, one reserved for an urgent change."""
BIRTH_DELAY_S = (0.5, 3.0)
"""When Home Assistant has started, wait a random time in this range, so that not all devices answer at once."""
MIN_BIRTH_INTERVAL_S = 10.0
"""Answer at most this often, however often somebody claims that Home Assistant has started."""
AWAY_S = 8.0
"""How long a rule's message waits for a broker that restarts."""
_TWIN = "if a second Mien has this home.name, give one of them another"


@dataclass(eq=False)
class MqttSession:
    """The session with one broker. `on_health` gets a text whenever it changes, empty while connected.

    `on_acknowledged` is called for each message that the broker has acknowledged.
    """

    broker: schema.Mqtt
    name: str
    on_health: Callable[[str], None]
    _: KW_ONLY
    outbox: Outbox | None = None
    discovery: DiscoveryPublisher | None = None
    commands: CommandLimiter | None = None
    on_acknowledged: Callable[[], None] = lambda: None
    away_s: float = AWAY_S
    answer_s: float = connection.ANSWER_S
    birth_delay_s: tuple[float, float] = BIRTH_DELAY_S
    _client: Client | None = None
    _connected: asyncio.Event = field(default_factory=asyncio.Event)
    _rejections: dict[str, str] = field(default_factory=dict)
    """Topic -> why the broker's ACL denies it; empty if it no longer does. Only MQTT 5 reports this."""
    _cut_off: str = ""
    """Why we have ended the last connection; empty if we have not."""
    _connected_s: float | None = None
    _state: Json | None = None
    _published: Json | None = None
    _is_urgent: bool = False
    _is_stopping: bool = False
    _published_s: deque[float] = field(default_factory=lambda: deque([-1e9, -1e9], maxlen=2))
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _birth: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when Home Assistant has started."""

    def __post_init__(self) -> None:
        self._topic = f"{self.broker.prefix.strip('/')}/{self.name}"
        self._address = f"{self.broker.host}:{self.broker.port}"

    @property
    def is_connected(self) -> bool:
        """Whether the broker has accepted the connection and still holds it."""
        return self._client is not None

    def show(self, state: Json, *, is_urgent: bool = False) -> None:
        """Publish `state` soon if it differs from the last one; at once if `is_urgent`: somebody may be waiting."""
        self._is_urgent |= is_urgent and state != self._state
        self._state = state
        self._wake.set()

    async def publish(self, topic: str, payload: str, *, retain: bool = False) -> None:
        """Publish with QoS 1 and wait for the acknowledgement. Raises ActionError.

        Waits up to AWAY_S for a broker that is away, but never sends twice: two TOGGLEs would cancel each other.
        """
        try:
            async with asyncio.timeout(self.away_s):
                while not (client := self._client):
                    await self._connected.wait()
        except TimeoutError as error:
            raise ActionError(f"mqtt: {topic} was not sent, the broker is away") from error
        try:
            await self._send(client, topic, payload, retain=retain)
        except connection.RefusedError as error:
            raise ActionError(
                f"mqtt: {topic} was refused by the broker ({error}); allow it in its access list"
            ) from error
        except (MqttError, ValueError) as error:
            raise ActionError(f"mqtt: {topic} was not accepted: {error}") from error

    def stop(self) -> None:
        """Call this before cancelling `run`.

        A connection error at the same moment can replace the cancellation (publishing `offline` fails, or the task
        group prefers the error), so `run` needs another way to know that it has to end.
        """
        self._is_stopping = True

    async def run(self) -> None:
        """Stay connected until stopped and cancelled; then publish `offline`."""
        backoff = ReconnectBackoff()
        while True:
            self._connected_s = None
            _forget_cancellations()
            try:
                await self._run_session()
            except* (MqttError, OSError, SettingsError, ValueError) as group:
                ended: BaseException = group
            if self._is_stopping:
                raise asyncio.CancelledError
            lasted_s = None if self._connected_s is None else time.monotonic() - self._connected_s
            wait_s = backoff.next_wait_s(lasted_s, is_taken_over=connection.is_session_taken_over(ended))
            why = f"is away ({self._cut_off or connection.describe_error(_get_first(ended), self.broker)})"
            if connection.is_session_taken_over(ended):
                why = f"disconnected us for another client called {connection.get_client_id(self.name)}; {_TWIN}"
            elif backoff.is_flapping and not self._cut_off:
                why += f"; it accepts us and disconnects us soon, again and again: {_TWIN}"
            self.on_health(f"MQTT broker {self._address} {why}; it is retried")
            if backoff.should_log:
                _log.warning("MQTT broker %s %s; retrying in %g s", self._address, why, wait_s)
            await asyncio.sleep(wait_s)

    async def _run_session(self) -> None:
        """One connection, from connect to its end. It always ends with an exception."""
        availability = f"{self._topic}/availability"
        credentials = await asyncio.to_thread(connection.load_credentials, self.broker)
        client = connection.build_client(self.broker, credentials, self.name, availability)
        try:
            await self._use(client, availability)
        finally:
            self._cut_off = client.cut_off

    async def _use(self, client: Client, availability: str) -> None:
        async with client:
            try:
                _end_if_cancelled()
                self._rejections.clear()
                await self._subscribe(client)
                await self._publish_discovery(client)
                await self._publish(client, availability, "online")
                _end_if_cancelled()
                self._client, self._published, self._connected_s = client, None, time.monotonic()
                _log.info("MQTT broker %s: connected", self._address)
                self._connected.set()
                self._report_rejections()
                async with asyncio.TaskGroup() as group:
                    group.create_task(self._publish_state(client))
                    group.create_task(self._answer_births(client))
                    # This one raises MqttError when the connection ends, which cancels the others.
                    group.create_task(self._receive(client))
                    if self.outbox:
                        publish = functools.partial(self._publish, client, f"{self._topic}/event", retain=False)
                        group.create_task(self.outbox.deliver(publish))
            except asyncio.CancelledError:
                self._is_stopping = True
                with contextlib.suppress(MqttError):
                    await client.publish(availability, "offline", qos=1, retain=True, timeout=1.0)
                raise
            finally:
                self._client = None
                self._connected.clear()

    async def _send(self, client: Client, topic: str, payload: str, *, retain: bool = False) -> None:
        await client.publish(topic, payload, qos=1, retain=retain, timeout=self.answer_s)
        self.on_acknowledged()

    async def _publish(self, client: Client, topic: str, payload: str, *, retain: bool = True) -> None:
        """Publish on one of our own topics. A rejection does not end the connection; the health reports it."""
        why = ""
        try:
            await self._send(client, topic, payload, retain=retain)
        except connection.RefusedError as error:
            why = str(error)
        if why != self._rejections.get(topic, ""):
            self._rejections[topic] = why
            if self.is_connected:
                self._report_rejections()

    def _report_rejections(self) -> None:
        """Say what the broker refuses and what to do about it; nothing if it refuses nothing."""
        topics = ", ".join(f"{topic} ({why})" for topic, why in self._rejections.items() if why)
        problem = (
            f"it refuses {connection.get_client_id(self.name)} these: {topics}; allow them in the broker's access list"
        )
        self.on_health(f"MQTT broker {self._address}: {problem}" if topics else "")

    async def _subscribe(self, client: Client) -> None:
        topics = [f"{self._topic}/+/set"] if self.commands else []
        if self.discovery and self.discovery.status_topic:
            topics.append(self.discovery.status_topic)
        for topic in topics:
            codes = await client.subscribe(topic, qos=1)
            _end_if_cancelled()
            if any((code if isinstance(code, int) else code.value) >= 128 for code in codes):
                self._rejections[topic] = "to listen to"

    async def _receive(self, client: Client) -> None:
        async for message in client.messages:
            topic = str(message.topic)
            if self.discovery and topic == self.discovery.status_topic:
                # Ignore a retained status: discovery has just been published.
                if message.payload == b"online" and not message.retain:
                    self._birth.set()
            elif self.commands and topic.startswith(f"{self._topic}/") and topic.endswith("/set"):
                key = topic[len(self._topic) + 1 : -len("/set")]
                await self.commands.handle(key, message.payload, is_retained=bool(message.retain))
            else:
                _log.debug("MQTT: unexpected topic %s", topic)

    async def _publish_discovery(self, client: Client) -> None:
        if self.discovery:
            await self.discovery.publish(functools.partial(self._publish, client))
            _end_if_cancelled()

    async def _answer_births(self, client: Client) -> None:
        """Each time Home Assistant has started, publish the discovery document again, then the state."""
        while True:
            await self._birth.wait()
            await asyncio.sleep(random.uniform(*self.birth_delay_s))  # noqa: S311 - not a secret
            self._birth.clear()
            await self._publish_discovery(client)
            self._published = None
            self._wake.set()
            await asyncio.sleep(MIN_BIRTH_INTERVAL_S)

    async def _publish_state(self, client: Client) -> None:
        """Publish the newest state when it has changed, but not too often, and again after REPEAT_S."""
        while True:
            now_s = time.monotonic()
            due_s = self._published_s[-1] + REPEAT_S
            if self._state != self._published:
                due_s = self._published_s[0 if self._is_urgent else -1] + WINDOW_S
                due_s = min(due_s, now_s) if self._published is None else due_s
            if self._state is None:
                due_s = now_s + REPEAT_S
            elif due_s <= now_s:
                state, self._is_urgent = self._state, False
                self._published_s.append(now_s)
                self._published = state
                await self._publish(client, f"{self._topic}/state", json.dumps(state))
                _end_if_cancelled()
                continue
            try:
                async with asyncio.timeout(max(due_s - now_s, 0.01)):
                    await self._wake.wait()
            except TimeoutError:
                continue
            self._wake.clear()


def _get_first(error: BaseException) -> BaseException:
    return _get_first(error.exceptions[0]) if isinstance(error, BaseExceptionGroup) else error


def _forget_cancellations() -> None:
    """In Python 3.11, a task group whose member fails cancels its own task and leaves that cancellation counted."""
    task = asyncio.current_task()
    while task and task.cancelling():
        task.uncancel()


def _end_if_cancelled() -> None:
    """In Python 3.11, `wait_for`, which aiomqtt uses, loses a cancellation that comes together with the answer.

    A loop that lost its cancellation would never end, and the task group would wait for it.
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError

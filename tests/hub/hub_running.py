"""Helpers for the tests of the hub: a fake sense, moods, running hubs, and waits with a time limit."""

import asyncio
import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from pathlib import Path
from typing import Any, Self, TypeVar

import aiohttp
import aiomqtt
import msgspec

from device.emotions import EMOTIONS, Emotion
from device.hub.build import build_hub
from device.hub.hub import Hub
from device.hub.rules.runner import RunnerLimits
from device.hub.web.limits import WebLimits
from device.ipc import messages as link
from device.ipc.messages import Health, Hello, HubMessage, MoodUpdate, SenseMessage, Stage, State
from device.readings import Mood, SenseReading
from device.settings import locations
from device.settings.schema import Mqtt, Settings
from device.system.isolation import Isolation

LIMIT_S = 8.0
T = TypeVar("T")


def run(story: Coroutine[Any, Any, T], limit_s: float = 40.0) -> T:
    """asyncio.run with a time limit."""

    async def limited() -> T:
        async with asyncio.timeout(limit_s):
            return await story

    return asyncio.run(limited())


async def until(look: Callable[[], Any], limit_s: float = LIMIT_S) -> Any:
    """Call `look` until its result is true, and return that result."""
    end_s = time.monotonic() + limit_s
    while True:
        found = look()
        value = await found if isinstance(found, Awaitable) else found
        if value:
            return value
        assert time.monotonic() < end_s, f"not within {limit_s} s: {value!r}"
        await asyncio.sleep(0.02)


def mood(emotion: Emotion = Emotion.SAD, confidence: float = 0.71, people: int = 1, age_s: float = 0.0) -> Mood:
    now_s = time.monotonic() - age_s
    rest = (1 - confidence) / 6
    shares = tuple(confidence if e is emotion else rest for e in EMOTIONS)
    face = SenseReading(emotion, 0.64, 0.1)
    return Mood(emotion, confidence, -0.5, -0.25, shares, people, now_s, now_s, face, SenseReading(emotion, 0.8, 0.2))


HELLO = Hello("s1", "0.1.0", 42, Isolation(True, ("lo",), "OSError", "by a namespace"), {"face": "1.0"})
_SHOWN = {
    link.Switch.CAMERA: "camera_on",
    link.Switch.MICROPHONE: "microphone_on",
    link.Switch.PAUSE: "paused",
}
WELL = Health({"camera": Stage(State.OK, "", 10.0)}, camera_on=True, microphone_on=True, paused=False)


class Sense:
    """A fake sense: sends a Hello and heartbeats, obeys switches, and records what it receives."""

    def __init__(self, settings: Settings, session: str = "s1") -> None:
        self._path = locations.socket_path(settings.runtime_dir)
        self.session = session
        self.received: list[HubMessage] = []
        self.health = WELL
        self.obeys = True
        """Whether a switch changes its health."""
        self.repeated: Mood | None = None
        """A mood to repeat with each heartbeat, as the real sense does."""
        self.ended = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._seq = 0

    async def __aenter__(self) -> Self:
        await self.connect()
        self.say(msgspec.structs.replace(HELLO, session=self.session))
        self._tasks.append(asyncio.create_task(self._beat()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        self.writer.close()

    async def connect(self) -> None:
        self.reader, self.writer = await asyncio.open_unix_connection(str(self._path), limit=link.MAX_LINE)
        self._tasks.append(asyncio.create_task(self._listen()))

    def say(self, *messages: SenseMessage) -> None:
        for message in messages:
            self.writer.write(link.encode(message))

    def change(self, new_mood: Mood, seq: int | None = None) -> int:
        self._seq = self._seq + 1 if seq is None else seq
        self.say(MoodUpdate(self.session, self._seq, new_mood))
        return self._seq

    def last_ack(self) -> int:
        return max((m.seq for m in self.received if isinstance(m, link.Ack)), default=0)

    async def _beat(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                self.say(self.health)
                if self.repeated:
                    now_s = time.monotonic()
                    self.say(MoodUpdate(self.session, 0, msgspec.structs.replace(self.repeated, time_s=now_s)))
                await self.writer.drain()
                await asyncio.sleep(0.2)

    async def _listen(self) -> None:
        with contextlib.suppress(ConnectionError):
            while line := await self.reader.readline():
                message = link.decode_hub_message(line)
                self.received.append(message)
                if isinstance(message, link.SetSwitch) and self.obeys:
                    self.health = msgspec.structs.replace(self.health, **{_SHOWN[message.switch]: message.on})
        self.ended.set()


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    *,
    dry: bool = False,
    limits: WebLimits | None = None,
    runner_limits: RunnerLimits | None = None,
    build: str = "",
) -> AsyncIterator[Hub]:
    """A hub in this event loop, stopped at the end. `limits`, `build`: of its web server, if not the usual ones."""
    hub, stop = build_hub(settings, dry=dry, runner_limits=runner_limits), asyncio.Event()
    if hub.web:
        hub.web.limits = limits or hub.web.limits
        hub.web.build = build or hub.web.build
    task = asyncio.create_task(hub.run(stop))
    try:
        await until(lambda: task.done() or hub.page or (not settings.kiosk.enabled and has_socket(settings)))
        if task.done():
            await task
        yield hub
    finally:
        stop.set()
        async with asyncio.timeout(10):
            await asyncio.gather(task, return_exceptions=False)


def has_socket(settings: Settings) -> bool:
    return locations.socket_path(settings.runtime_dir).exists()


def is_listening(settings: Settings) -> bool:
    """Whether a hub listens."""
    with socket.socket(socket.AF_UNIX) as probe:
        return probe.connect_ex(str(locations.socket_path(settings.runtime_dir))) == 0


async def state(hub: Hub) -> dict[str, Any]:
    """The document of /api/state, over HTTP."""
    async with aiohttp.ClientSession() as client, client.get(hub.page + "api/state") as answer:
        assert answer.status == 200
        document: dict[str, Any] = await answer.json()
        return document


class Subscriber:
    """Records every message on a broker, with its time and whether it was retained."""

    def __init__(self, port: int, name: str = "") -> None:
        """With a `name`, the broker queues messages while this subscriber is away."""
        self._port = port
        self._name = name
        self.got: list[tuple[float, str, str, bool]] = []
        self.ready = asyncio.Event()
        self._task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        name = self._name or None
        async with aiomqtt.Client("127.0.0.1", self._port, identifier=name, clean_session=name is None) as client:
            await client.subscribe("#", qos=1)
            self.ready.set()
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                topic = str(message.topic)
                self.got.append((time.monotonic(), topic, message.payload.decode(), bool(message.retain)))

    def payloads(self, topic: str) -> list[str]:
        return [payload for _, t, payload, _ in self.got if t == topic]

    def last(self) -> dict[str, object]:
        states = self.payloads("mien/test/state")
        document: dict[str, object] = json.loads(states[-1]) if states else {}
        return document

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(payload) for payload in self.payloads("mien/test/event")]

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])


def with_broker(settings: Settings, port: int, **more: Any) -> Settings:
    return msgspec.structs.replace(settings, mqtt=Mqtt(host="127.0.0.1", port=port, **more))


def start_hub_process(
    settings: Settings,
    folder: Path,
    port: int = 0,
    level: str = "INFO",
    page: int = 0,
    rules: str = "",
    log: Path | None = None,
    **environment: str,
) -> "subprocess.Popen[str]":
    """A hub in a process of its own, which a test may kill.

    Its log fills a pipe, so a flood needs a higher `level`, or a file as `log`. `rules` are in TOML.
    """
    path = folder / "mien.toml"
    write_settings(settings, path, port, page, rules)
    code = f"""
import logging, pathlib, sys
from device.hub.process import run_hub
from device.settings.load import load
logging.basicConfig(level={level!r})
sys.exit(run_hub(load(pathlib.Path({str(path)!r}))))
"""
    env = os.environ | environment
    with log.open("ab") if log else contextlib.nullcontext(subprocess.PIPE) as target:
        return subprocess.Popen([sys.executable, "-c", code], stderr=target, text=True, env=env)


def write_settings(settings: Settings, path: Path, port: int = 0, page: int = 0, rules: str = "") -> None:
    """Write the part of `settings` that a hub in another process needs."""
    home = settings.home
    path.write_text(
        f'[home]\nname = "{home.name}"\nstate_dir = "{home.state_dir}"\nruntime_dir = "{home.runtime_dir}"\n'
        f"[kiosk]\nenabled = {str(bool(page)).lower()}\nport = {page}\n"
        + (f'[mqtt]\nhost = "127.0.0.1"\nport = {port}\nversion = "{settings.mqtt.version}"\n' if port else "")
        + rules
    )

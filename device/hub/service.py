"""The hub's story: receive -> remember -> decide -> act -> show."""

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Coroutine
from datetime import datetime
from datetime import time as clock_time
from typing import Any

import msgspec

from device.destinations import Action, Lamp, Player, Publish
from device.errors import LinkError, MienError
from device.hub.actions import Destinations
from device.hub.actions.lamp import VirtualLamp
from device.hub.actions.mqtt import MqttMessage
from device.hub.actions.player import VirtualPlayer
from device.hub.door import Door
from device.hub.history import History
from device.hub.history_file import ALIVE_S, Alive, Entry, GapBegins, GapEnds
from device.hub.kiosk.server import Kiosk
from device.hub.mqtt import Mqtt
from device.hub.mqtt_state import event_document, state_document
from device.hub.remembering import change_row, moment_utc_s, told
from device.hub.rules import Firing, Rules
from device.hub.state import Board, LastRule
from device.link import Ack, FromSense, Health, Hello, MoodSaid
from device.notify import notify
from device.readings import Mood
from device.settings import Settings

_log = logging.getLogger(__name__)

TICK_S = 0.25
STALE_S = 5.0
"""A change older than this is remembered and acknowledged, but no lamp moves for it."""
FIRST_WAIT_S = 3.0
"""After so long without sense at the start, a gap begins."""
MOST_TASKS = 64
"""Actions and messages under way; more are refused, and the history says so."""


class Hub:
    """Everything with a network. Made of rooms that do not know one another; this is where they meet."""

    def __init__(self, settings: Settings) -> None:
        self.page = ""
        """The page's address once it listens; empty without one."""
        self.board = Board(settings.home.name)
        self._settings = settings
        self._door = Door(settings.runtime_dir, self._heard, self._gone)
        self._history = History(
            settings.state_dir, settings.history.keep_days, self._acknowledge, lambda text: self._show(history=text)
        )
        self._mqtt = None
        if settings.mqtt.host:
            self._mqtt = Mqtt(settings.mqtt, settings.home.name, lambda text: self._show(mqtt=text))
        lamp = VirtualLamp(lambda state: self._show(lamp=state))
        player = VirtualPlayer(lambda state: self._show(player=state))
        self._destinations = Destinations({Lamp: lamp, Player: player, Publish: MqttMessage(self._mqtt)})
        self._rules = Rules(settings.rules)
        self._kiosk = Kiosk(self.board, self._door.send, self._history.rows) if settings.kiosk.enabled else None
        self._tasks: set[asyncio.Task[None]] = set()
        self.board.change(
            lamp=lamp.state(),
            player=player.state(),
            available_since_utc_s=time.time(),
            mqtt="MQTT broker: connecting" if self._mqtt else None,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """From start to `stop`. Raises MienError when the door or the page cannot be opened."""
        await self._door.open()
        try:
            if self._kiosk:
                self.page = await self._kiosk.open(self._settings.kiosk.port)
            rooms = [self._history.run(), self._tick(), *([self._mqtt.run()] if self._mqtt else [])]
            async with asyncio.TaskGroup() as group:
                running = [group.create_task(room) for room in rooms]
                notify("READY=1")
                try:
                    await stop.wait()
                finally:
                    if self._mqtt:
                        self._mqtt.stop()
                notify("STOPPING=1")
                for task in running:
                    task.cancel()
        finally:
            await self._close()

    async def _close(self) -> None:
        if self._kiosk:
            await self._kiosk.close()
        await self._door.close()
        for task in self._tasks:
            task.cancel()
        self._history.remember(GapBegins(time.time(), "hub was away"))
        await self._history.close()

    # -- receive

    async def _heard(self, message: FromSense) -> None:
        match message:
            case Hello():
                _log.info("sense is here: session %s, version %s, process %d", *_introduction(message))
                self._history.remember(GapEnds(time.time()))
                self._show(available=True, available_since_utc_s=time.time(), problem="", hello=message, health=None)
            case Health():
                self._show(health=message)
            case MoodSaid(session=session, seq=seq, mood=mood):
                if seq:
                    self._history.remember(change_row(session, seq, mood))
                if not seq or time.monotonic() - max(mood.time_s, mood.since_s) < STALE_S:
                    self._feel(mood, changed=seq > 0)

    async def _gone(self, why: str) -> None:
        _log.warning("sense is away: %s", why)
        self._history.remember(GapBegins(moment_utc_s(self._door.last_line_s), "sense was away"))
        self._show(
            available=False, available_since_utc_s=time.time(), problem=f"sense is away: {why}", mood=None, health=None
        )

    # -- remember

    async def _acknowledge(self, session: str, seq: int) -> None:
        with contextlib.suppress(LinkError):  # then it sends the change again, which is known by its number
            await self._door.send(Ack(session, seq))

    # -- decide

    def _feel(self, mood: Mood, *, changed: bool) -> None:
        self._show(mood=mood, last_mood=mood, heard_mono_s=time.monotonic())
        if changed:
            self._start(self._tell(mood))
        self._decide()

    def _decide(self) -> None:
        for firing in self._rules.look(self.board.now.mood, time.monotonic(), _local_time()):
            _log.info("rule   %s: %s", firing.rule.name, firing.why)
            self._show(last_rule=LastRule(firing.rule.name, firing.why, time.time()))
            for action in firing.rule.do:
                self._start(self._act(firing, action))

    # -- act

    async def _act(self, firing: Firing, action: Action) -> None:
        began_s = time.time()
        result = await self._destinations.run(action)
        plain = msgspec.json.encode(action).decode()
        self._history.remember(Entry("action", began_s, rule=firing.rule.name, action=plain, result=result))

    # -- show

    def _show(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of Snapshot
        """Put `fields` on the board; the page looks for itself, the broker is told."""
        before = self.board.now
        self.board.change(**fields)
        now = self.board.now
        if self._mqtt:
            urgent = before.available != now.available or _feeling(before.mood) != _feeling(now.mood)
            self._mqtt.show(state_document(now), urgent=urgent)

    async def _tell(self, mood: Mood) -> None:
        """The event of a change, and its line in the log with the time from the frame until it was told."""
        accepted = await self._mqtt.event(event_document(mood, time.time())) if self._mqtt else True
        delay_s = time.monotonic() - mood.time_s
        # A mood that came of muting, or of nobody there, rests on no frame of now.
        fresh = accepted and delay_s < STALE_S and bool(mood.face or mood.voice)
        _log.info("%s%s", told(mood), f"; {delay_s:.2f} s from the frame to the message" if fresh else "")
        if fresh:
            self._show(delay_s=delay_s)

    async def _tick(self) -> None:
        """What time alone brings: holds that are over, signs of life, the watchdog."""
        began_s, alive_s = time.monotonic(), 0.0
        while True:
            notify("WATCHDOG=1")
            self._decide()
            now_s = time.monotonic()
            if self.board.now.available and now_s - alive_s >= ALIVE_S:
                alive_s = now_s
                self._history.remember(Alive(time.time()))
            if began_s and now_s - began_s >= FIRST_WAIT_S:
                if not self.board.now.hello:
                    self._history.remember(GapBegins(moment_utc_s(began_s), "sense was away"))
                began_s = 0.0
            await asyncio.sleep(TICK_S)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        """Beside the story, so that a slow destination holds up nothing."""
        if len(self._tasks) >= MOST_TASKS:
            work.close()
            _log.error("%d actions and messages are under way already; one was refused", MOST_TASKS)
            return
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def run_hub(settings: Settings) -> int:
    """`mien hub`: until SIGTERM or SIGINT. The exit status; a MienError is said in the log and is 1."""
    try:
        asyncio.run(_until_signal(settings))
    except MienError as error:
        _log.error("%s", error)
        return 1
    return 0


async def _until_signal(settings: Settings) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await Hub(settings).run(stop)


def _introduction(hello: Hello) -> tuple[str, str, int]:
    return hello.session, hello.version, hello.pid


def _feeling(mood: Mood | None) -> tuple[str, int] | None:
    return (mood.emotion.value, mood.people) if mood else None


def _local_time() -> clock_time:
    return datetime.now().astimezone().time()

"""The hub's story: receive -> remember -> decide -> act -> show."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from typing import Any

from device.errors import ActionError, LinkError
from device.hub.actions.registry import build_dispatcher
from device.hub.gallery.selector import GallerySelector
from device.hub.gallery.trigger import VoiceTrigger
from device.hub.history import outbox_cursor
from device.hub.history.heartbeat import HeartbeatRecorder
from device.hub.history.rows import GapBegins, GapEnds, change_row, describe_mood, page_event
from device.hub.history.writer import History
from device.hub.ipc.live_view import LiveViewServer
from device.hub.ipc.sense_server import SenseServer
from device.hub.metrics import Counters, exposition
from device.hub.mqtt.commands import CommandLimiter
from device.hub.mqtt.discovery import DiscoveryPublisher
from device.hub.mqtt.outbox import Change, Outbox
from device.hub.mqtt.payloads import state_document
from device.hub.mqtt.session import MqttSession
from device.hub.rules.engine import RuleEngine, RuleFired
from device.hub.rules.runner import ActionRunner
from device.hub.state import profiles
from device.hub.state.features import ChooseProfile, Command
from device.hub.state.snapshot import LastRule, Snapshot
from device.hub.state.store import StateStore
from device.hub.web.routes.api import Api
from device.hub.web.routes.gallery import GalleryRoutes
from device.hub.web.routes.live_view import LiveRoute
from device.hub.web.server import WebServer
from device.ipc.messages import SILENCE_S, Ack, FromSense, Health, Hello, MoodSaid
from device.readings import Mood
from device.settings.actions import Lamp, Player
from device.settings.schema import Settings
from device.system.clock import local_time, moment_utc_s
from device.system.sd_notify import notify

_log = logging.getLogger(__name__)

TICK_S = 0.25
STALE_S = 5.0
"""A change older than this is remembered and acknowledged, but no lamp moves for it."""
FIRST_WAIT_S = 3.0
"""After so long without sense at the start, a gap begins."""


class Hub:
    """Everything with a network. Made of rooms that do not know one another; this is where they meet."""

    def __init__(self, settings: Settings, *, dry: bool = False) -> None:
        """With `dry`, rules fire and are told, and no destination is sent anything."""
        self.page = ""
        """The page's address once it listens; empty without one."""
        self.board = StateStore(settings.home.name)
        self.counters = Counters(rule.name for rule in settings.rules)
        self._settings = settings
        self._door = SenseServer(settings.runtime_dir, self._heard, self._gone)
        self._history = History(
            settings.state_dir, settings.history.keep_days, self._acknowledge, lambda text: self._show(history=text)
        )
        self._prepared = asyncio.Event()
        self._keeping = asyncio.Lock()
        self._newest = ("", 0)
        """Session and number of the change that came last."""
        self._outbox: Outbox | None = None
        self._mqtt: MqttSession | None = None
        if settings.mqtt.host:
            self._outbox = Outbox(self._history, self._told, lambda text: self._show(outbox=text))
            self._mqtt = MqttSession(
                settings.mqtt,
                settings.home.name,
                lambda text: self._show(mqtt=text),
                outbox=self._outbox,
                announcement=DiscoveryPublisher(settings.mqtt, settings.home.name, settings.state_dir, self._now),
                commands=CommandLimiter(self._now, self.obey, self.counters.rejected),
                acknowledged=self.counters.message,
            )
        destinations = build_dispatcher(
            settings, self._mqtt, lambda state: self._show(lamp=state), lambda state: self._show(player=state), dry=dry
        )
        self._acting = ActionRunner(destinations, self._history.remember, self.counters)
        self._rules = RuleEngine(settings.rules)
        allowed = settings.kiosk.enabled and settings.kiosk.live_view
        self._live = LiveViewServer(
            settings.runtime_dir, self._door.send, lambda n: self._show(watchers=n), allowed=allowed
        )
        voice = VoiceTrigger(settings.microphone.interval_s, settings.mood.min_confidence)
        self._gallery = GallerySelector(settings.state_dir, self.board, voice)
        self._kiosk = None
        if settings.kiosk.enabled:
            api = Api(self.board, self.obey, self._history, self._metrics, settings.state_dir)
            live = LiveRoute(self._live, self.board)
            pictures = GalleryRoutes(self._gallery)
            routes = [*api.routes(), *live.routes(), *pictures.routes()]
            self._kiosk = WebServer(settings.kiosk, routes, settings.state_dir, lambda text: self._show(page=text))
        self.board.change(
            lamp=destinations.state(Lamp),
            player=destinations.state(Player),
            available_since_utc_s=time.time(),
            mqtt="MQTT broker: connecting" if self._mqtt else None,
            profile=profiles.load(settings.state_dir, settings.profiles),
            profiles=settings.profiles,
            night=settings.kiosk.night,
            house=settings.kiosk.house,
            live_view=settings.kiosk.live_view,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """From start to `stop`. Raises MienError when the door or the page cannot be opened."""
        await self._door.open()  # first: only one hub may write the history
        try:
            await self._prepare()
            await self._live.open()
            if self._kiosk:
                self.page = await self._kiosk.open()
            rooms = [self._history.run(), self._tick(), self._live.run(), *([self._mqtt.run()] if self._mqtt else [])]
            rooms += [self._gallery.run()] if self._kiosk else []
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

    async def _prepare(self) -> None:
        """Learn what was told before; until then, sense is not heard."""
        if self._outbox:
            await self._outbox.open()
        else:
            # The history says by itself that it is ill; a TimeoutError is an OSError.
            with contextlib.suppress(sqlite3.Error, OSError):
                async with asyncio.timeout(SILENCE_S):
                    await self._history.ask(outbox_cursor.no_broker)
        self._prepared.set()

    async def _close(self) -> None:
        await self._live.close()
        if self._kiosk:
            await self._kiosk.close()
        await self._door.close()
        await self._acting.close()
        self._history.remember(GapBegins(time.time(), "hub was away"))
        await self._history.close()

    def say_settings(self, problem: str) -> None:
        """New settings were not taken over."""
        self._show(settings=problem)

    # -- receive

    async def _heard(self, message: FromSense) -> None:
        await self._prepared.wait()
        match message:
            case Hello():
                _log.info("sense is here: session %s, version %s, process %d", *_introduction(message))
                self._history.remember(GapEnds(time.time()))
                self._show(available=True, available_since_utc_s=time.time(), problem="", hello=message, health=None)
            case Health():
                self._show(health=message)
            case MoodSaid(seq=seq, mood=mood):
                fresh = time.monotonic() - max(mood.time_s, mood.since_s) < STALE_S
                if seq:
                    self._change(message, fresh=fresh)
                if not seq or fresh:
                    self._show(mood=mood, last_mood=mood, heard_mono_s=time.monotonic())
                    self._decide()
                if seq:
                    await self._history.room()

    def _change(self, said: MoodSaid, *, fresh: bool) -> None:
        """Remember a change and tell it: live changes wait for no disk and no broker."""
        row = change_row(said.session, said.seq, said.mood)
        self._history.remember(row)
        session, seq = self._newest
        if session == said.session and said.seq <= seq:
            return  # sense has sent it again
        self._newest = said.session, said.seq
        if self._outbox and not self._outbox.add(said.session, said.seq, said.mood, row.entry.time_s):
            return  # again, after a restart of ours
        self.counters.mood(said.mood.emotion)
        self.board.tell(page_event(row.entry))
        if fresh and not (self._mqtt and self._mqtt.connected):
            self._say(said.mood, time.monotonic() - said.mood.time_s if self._mqtt is None else None)

    async def _gone(self, why: str) -> None:
        _log.warning("sense is away: %s", why)
        self._history.remember(GapBegins(moment_utc_s(self._door.last_line_s), "sense was away"))
        self._show(
            available=False, available_since_utc_s=time.time(), problem=f"sense is away: {why}", mood=None, health=None
        )

    # -- remember

    async def _acknowledge(self, session: str, seq: int) -> None:
        if self._outbox:
            self._outbox.stored(session, seq)
        with contextlib.suppress(LinkError):  # then it sends the change again, which is known by its number
            await self._door.send(Ack(session, seq))

    # -- decide

    def _decide(self) -> None:
        now = self.board.now
        local = local_time(time.time())
        events = self._rules.look(now.mood, time.monotonic(), local, now.profile, sees=now.sees)
        if firings := [event for event in events if isinstance(event, RuleFired)]:
            self._show(last_rule=LastRule(firings[-1].rule.name, firings[-1].why, time.time()))
        if events:
            self._acting.act(events, now.mood)

    async def obey(self, wish: Command) -> None:
        """Do what somebody asks for; what becomes of it is in the next state. Raises LinkError, ActionError."""
        if not isinstance(wish, ChooseProfile):
            await self._door.send(wish)
            return
        if wish.name not in self._settings.profiles:
            raise ActionError(f"there is no profile {wish.name}")
        self._show(profile=wish.name)
        self._decide()
        try:
            async with self._keeping:  # the last to be kept is the one that holds
                await asyncio.to_thread(profiles.save, self._settings.state_dir, self.board.now.profile)
        except OSError as error:
            raise ActionError(f"the profile is {wish.name}, and cannot be kept over a restart ({error})") from error

    # -- show

    def _show(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of Snapshot
        """Put `fields` on the board; the page looks for itself, the broker is told."""
        before = self.board.now
        self.board.change(**fields)
        now = self.board.now
        if self._mqtt:
            self._mqtt.show(state_document(now), urgent=_awaited(before) != _awaited(now))

    def _told(self, change: Change) -> None:
        """The broker has acknowledged a change."""
        if not change.kept and time.time() - change.time_utc_s < STALE_S:
            self._say(change.mood, time.monotonic() - change.mood.time_s)

    def _say(self, mood: Mood, delay_s: float | None) -> None:
        """A change's line in the log, with the time from the frame until it was told."""
        # A mood that came of muting, or of nobody there, rests on no frame of now.
        timed = delay_s is not None and delay_s < STALE_S and bool(mood.face or mood.voice)
        _log.info("%s%s", describe_mood(mood), f"; {delay_s:.2f} s from the frame to the message" if timed else "")
        if timed and delay_s is not None:
            self.counters.delay(delay_s)
            self._show(delay_s=delay_s)

    def _now(self) -> Snapshot:
        return self.board.now

    def _metrics(self, accept: str) -> tuple[bytes, str]:
        return exposition(self.board.now, self.counters, history_waiting=self._history.waiting, accept=accept)

    async def _tick(self) -> None:
        """What time alone brings: holds that are over, signs of life, the watchdog."""
        began_s, life = time.monotonic(), HeartbeatRecorder()
        while True:
            notify("WATCHDOG=1")
            self._decide()
            if sign := life.look(self.board.now):
                self._history.remember(sign)
            if began_s and time.monotonic() - began_s >= FIRST_WAIT_S:
                if not self.board.now.hello:
                    self._history.remember(GapBegins(moment_utc_s(began_s), "sense was away"))
                began_s = 0.0
            await asyncio.sleep(TICK_S)


def _introduction(hello: Hello) -> tuple[str, str, int]:
    return hello.session, hello.version, hello.pid


def _awaited(now: Snapshot) -> tuple[object, ...]:
    """What somebody may be waiting for: a change of it is told at once."""
    feeling = (now.mood.emotion, now.mood.people) if now.mood else None
    health = now.health
    switches = (health.camera_on, health.microphone_on, health.paused, health.hold_s) if health else None
    return now.available, now.sees, feeling, switches, now.profile, health.baseline if health else None

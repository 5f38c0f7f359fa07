"""The hub's story: receive -> remember -> decide -> act -> show."""

import asyncio
import contextlib
import logging
import sqlite3
import time
from dataclasses import dataclass, field
from typing import Any

from device.errors import ActionError, LinkError
from device.hub.gallery.selector import GallerySelector
from device.hub.history import outbox_cursor
from device.hub.history.database import Numbers
from device.hub.history.heartbeat import HeartbeatRecorder
from device.hub.history.rows import GapEnd, GapStart, build_mood_row, build_page_event, describe_mood
from device.hub.history.writer import History
from device.hub.ipc.live_view import LiveViewServer
from device.hub.ipc.sense_server import SenseServer
from device.hub.metrics import Counters
from device.hub.mqtt.change import Change
from device.hub.mqtt.outbox import Outbox
from device.hub.mqtt.payloads import build_state_document
from device.hub.mqtt.session import MqttSession
from device.hub.rules.engine import RuleEngine, RuleFired
from device.hub.rules.runner import ActionRunner
from device.hub.state import profiles
from device.hub.state.features import ChooseProfile, Command
from device.hub.state.pending_switches import PendingSwitches, closes
from device.hub.state.snapshot import LastRule, Snapshot
from device.hub.state.store import StateStore
from device.hub.web.server import WebServer
from device.ipc.messages import PEER_TIMEOUT_S, Ack, Health, Hello, MoodUpdate, SenseMessage, SetSwitch
from device.readings import Mood
from device.settings.schema import Settings
from device.system.clock import local_time, to_utc_s
from device.system.journal import mood_level
from device.system.sd_notify import notify

_log = logging.getLogger(__name__)

TICK_S = 0.25
STALE_S = 5.0
"""A change older than this is stored and acknowledged, but fires no rule."""
FIRST_HELLO_S = 3.0
"""If sense has not connected this long after the start, a gap begins in the history."""


@dataclass(eq=False)
class Hub:
    """The hub process: routes every message between its parts, which do not know each other.

    The parts call the hub back, so `build_hub` makes the hub first and then sets its parts.
    """

    settings: Settings
    store: StateStore
    counters: Counters
    rules: RuleEngine
    sense: SenseServer = field(init=False)
    switches: PendingSwitches = field(init=False)
    history: History = field(init=False)
    actions: ActionRunner = field(init=False)
    live_view: LiveViewServer = field(init=False)
    gallery: GallerySelector = field(init=False)
    web: WebServer | None = field(init=False, default=None)
    outbox: Outbox | None = field(init=False, default=None)
    mqtt: MqttSession | None = field(init=False, default=None)
    heartbeat: HeartbeatRecorder = field(default_factory=HeartbeatRecorder)
    page: str = ""
    """The page's address once it listens; empty without a page."""
    _is_ready: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once the hub knows which changes were delivered before."""
    _profile_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    _tidying: asyncio.Task[None] | None = None
    _newest_change: tuple[str, int] = ("", 0)
    """Session and sequence number of the newest change."""

    async def run(self, stop: asyncio.Event) -> None:
        """Run from start to `stop`. Raises MienError when a socket or the page cannot be opened."""
        await self.sense.open()  # first: only one hub may write the history
        try:
            await self._prepare()
            await self.live_view.open()
            if self.web:
                self.page = await self.web.open()
            parts = [self.history.run(), self._tick(), self.live_view.run()]
            parts += [self.mqtt.run()] if self.mqtt else []
            parts += [self.gallery.run()] if self.web else []
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(part) for part in parts]
                notify("READY=1")
                try:
                    await stop.wait()
                finally:
                    if self.mqtt:
                        self.mqtt.stop()
                notify("STOPPING=1")
                for task in tasks:
                    task.cancel()
        finally:
            await self._close()

    async def _prepare(self) -> None:
        """Find out which changes were delivered before. Messages from sense wait for this."""
        if self.outbox:
            await self.outbox.open()
        else:
            # The history reports its own errors. A TimeoutError is an OSError.
            with contextlib.suppress(sqlite3.Error, OSError):
                async with asyncio.timeout(PEER_TIMEOUT_S):
                    await self.history.query(outbox_cursor.disable)
        self._is_ready.set()

    async def _close(self) -> None:
        await self.live_view.close()
        if self.web:
            await self.web.close()
        await self.sense.close()
        await self.actions.close()
        self.history.remember(GapStart(time.time(), "hub was away"))
        await self.history.close()

    # -- receive

    async def on_message(self, message: SenseMessage) -> None:
        """A message from sense."""
        await self._is_ready.wait()
        match message:
            case Hello(session=session, version=version, pid=pid):
                _log.info("sense is here: session %s, version %s, process %d", session, version, pid)
                self.history.remember(GapEnd(time.time()))
                self.show(available=True, available_since_utc_s=time.time(), problem="", hello=message, health=None)
            case Health():
                self.show(health=message)
                if self.switches.confirm(message):
                    self._tidying = asyncio.create_task(self._tidy_switches())
            case MoodUpdate(seq=seq, mood=mood):
                is_fresh = time.monotonic() - max(mood.time_s, mood.since_s) < STALE_S
                if seq:
                    self._handle_change(message, is_fresh=is_fresh)
                if not seq or is_fresh:
                    self.show(mood=mood, last_mood=mood, last_mood_mono_s=time.monotonic())
                    self._decide()
                if seq:
                    await self.history.wait_for_room()

    def _handle_change(self, message: MoodUpdate, *, is_fresh: bool) -> None:
        """Store a change and pass it on. A live change waits neither for the disk nor for the broker."""
        session, seq, mood = message.session, message.seq, message.mood
        row = build_mood_row(session, seq, mood)
        self.history.remember(row)
        newest_session, newest_seq = self._newest_change
        if newest_session == session and seq <= newest_seq:
            return  # sense has sent it again
        self._newest_change = session, seq
        if self.outbox and not self.outbox.add(session, seq, mood, row.entry.time_s):
            return  # sense has sent it again after a restart of the hub
        self.counters.moods.labels(mood.emotion.value).inc()
        self.store.log_change(build_page_event(row.entry))
        if is_fresh and not (self.mqtt and self.mqtt.is_connected):
            self._report(mood, time.monotonic() - mood.time_s if self.mqtt is None else None)

    async def on_disconnect(self, why: str) -> None:
        """Handle the loss of sense."""
        _log.warning("sense is away: %s", why)
        self.history.remember(GapStart(to_utc_s(self.sense.last_line_s), "sense was away"))
        self.show(
            available=False, available_since_utc_s=time.time(), problem=f"sense is away: {why}", mood=None, health=None
        )

    # -- remember

    async def on_stored(self, session: str, seq: int, numbers: Numbers) -> None:
        """The history has stored every change of `session` up to `seq`."""
        if self.outbox:
            self.outbox.mark_stored(session, seq, numbers)
        with contextlib.suppress(LinkError):  # sense will send the change again; its number identifies it
            await self.sense.send(Ack(session, seq))

    # -- decide

    def _decide(self) -> None:
        now = self.store.now
        local = local_time(time.time())
        events = self.rules.evaluate(
            now.mood, time.monotonic(), local, now.profile, can_see=now.can_see, heard_s=now.last_mood_mono_s
        )
        if fired := [event for event in events if isinstance(event, RuleFired)]:
            self.show(last_rule=LastRule(fired[-1].rule.name, fired[-1].why, time.time()))
        if events:
            self.actions.handle(events, now.mood)

    async def execute(self, command: Command) -> bool:
        """Carry out a command; its effect shows in the next state. Raises LinkError, ActionError.

        False: sense is away. The command is kept, and sense gets it first when it is back.
        """
        if isinstance(command, SetSwitch) and closes(command):
            return await self._close_sense(command)
        if not isinstance(command, ChooseProfile):
            await self.sense.send(command)
            if isinstance(command, SetSwitch):
                self.switches.add(command)
                await self._tidy_switches()
            return True
        if command.name not in self.settings.profiles:
            raise ActionError(f"there is no profile {command.name}")
        self.show(profile=command.name)
        self._decide()
        try:
            async with self._profile_lock:  # of concurrent choices, the file keeps the last
                await asyncio.to_thread(profiles.save, self.settings.state_dir, self.store.now.profile)
        except OSError as error:
            raise ActionError(f"the profile is {command.name}, but a restart will forget it ({error})") from error
        return True

    async def _close_sense(self, command: SetSwitch) -> bool:
        """Off means off: if sense does not store the switch, the hub does, and repeats it at the next Hello."""
        self.switches.add(command)  # before anything waits: sense may come back at this moment
        is_sent, why = False, ""
        try:
            await self.sense.send(command)
            is_sent, why = True, "sense has not confirmed it"
            if await self.switches.wait():
                return True
        except LinkError as error:
            why = str(error)
        try:
            await self.switches.store()
        except OSError as error:
            raise ActionError(f"{why}, and it cannot be kept for later ({error})") from error
        _log.warning("%s is kept for sense: %s", command.switch, why)
        return is_sent

    async def _tidy_switches(self) -> None:
        try:
            await self.switches.tidy()
        except OSError as error:
            _log.warning("switches that sense has stored may be repeated after a restart (%s)", error)

    # -- show

    def show(self, **fields: Any) -> None:  # noqa: ANN401 - the fields of Snapshot
        """Change these fields of the snapshot. The page follows the store by itself; the broker is updated here."""
        before = self.store.now
        self.store.change(**fields)
        now = self.store.now
        if self.mqtt:
            self.mqtt.show(build_state_document(now), is_urgent=_get_urgent(before) != _get_urgent(now))

    def on_delivered(self, change: Change) -> None:
        """The broker has acknowledged a change."""
        if not change.is_from_file and time.time() - change.time_utc_s < STALE_S:
            self._report(change.mood, time.monotonic() - change.mood.time_s)

    def _report(self, mood: Mood, delay_s: float | None) -> None:
        """Log a change, with the time from the frame to the message if both are known."""
        # A mood caused by muting or by an empty room is not based on a current frame.
        is_timed = delay_s is not None and delay_s < STALE_S and bool(mood.face or mood.voice)
        _log.log(
            mood_level(),
            "%s%s",
            describe_mood(mood),
            f"; {delay_s:.2f} s from the frame to the message" if is_timed else "",
        )
        if is_timed and delay_s is not None:
            self.counters.delay.observe(delay_s)
            self.show(delay_s=delay_s)

    async def _tick(self) -> None:
        """Periodic work: rules with a duration, heartbeats in the history, the watchdog."""
        start_s: float | None = time.monotonic()
        while True:
            notify("WATCHDOG=1")
            self._decide()
            if row := self.heartbeat.look(self.store.now):
                self.history.remember(row)
            if start_s is not None and time.monotonic() - start_s >= FIRST_HELLO_S:
                if not self.store.now.hello:
                    self.history.remember(GapStart(to_utc_s(start_s), "sense was away"))
                start_s = None
            await asyncio.sleep(TICK_S)


def _get_urgent(now: Snapshot) -> tuple[object, ...]:
    """The part of the state that somebody may be waiting for; changes to it are published at once."""
    feeling = (now.mood.emotion, now.mood.people) if now.mood else None
    health = now.health
    switches = (health.camera_on, health.microphone_on, health.paused, health.hold_s) if health else None
    return now.available, now.can_see, feeling, switches, now.profile, health.baseline if health else None

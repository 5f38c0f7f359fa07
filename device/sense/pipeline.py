"""The story of `sense`: capture -> read -> fuse -> steady -> send.

Four threads: the camera's and the microphone's (device/sense/camera/thread.py), one that reads faces, one that reads
the voice. What they read meets in `Fusion`; ten times a second it becomes a Mood and goes to the door.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from device.ipc.messages import (
    HEARTBEAT_S,
    ClearBaseline,
    Health,
    RecordBaseline,
    SetHold,
    SetSwitch,
    Stage,
    State,
    Watch,
)
from device.perception.face.stream import FaceStream
from device.perception.mood.baseline import BaselineRecorder
from device.perception.mood.fusion import Fusion
from device.perception.mood.smoothing import MoodSmoother
from device.perception.voice.classifier import VoiceReader
from device.readings import Mood
from device.sense import controls
from device.sense.camera.thread import CameraThread, Latest
from device.sense.health import ThreadHeartbeat
from device.sense.hub_client import CommandHandler, HubClient
from device.sense.live_view import LIVE_FPS, LiveView
from device.sense.microphone.thread import MicrophoneThread, SoundRing
from device.settings.schema import Settings
from device.system.sd_notify import notify
from device.system.state_file import keep
from device.system.threads import name_this_thread

_log = logging.getLogger(__name__)

TICK_S = 0.1
_IDLE_TICK_S = 0.3
"""Where nobody is seen or heard, waking up is most of what there is to pay for."""
_REFRESH_S = 0.5
_STALL_S = 10.0
"""A reading thread that has not turned for so long hangs: no more kicks for the watchdog."""


class Pipeline:
    """All of it, put together."""

    def __init__(
        self,
        settings: Settings,
        camera: CameraThread,
        microphone: MicrophoneThread,
        latest: Latest,
        ring: SoundRing,
        sight: FaceStream,
        voice_reader: VoiceReader,
        fusion: Fusion,
        baseline: BaselineRecorder,
        live: LiveView,
        damages: Mapping[str, str] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`damages`: `face` or `voice` -> why the shipped model reads and not the installed one."""
        self._settings = settings
        self._camera, self._microphone = camera, microphone
        self._latest, self._ring = latest, ring
        self._sight, self._voice_reader = sight, voice_reader
        self._fusion, self._steady = fusion, MoodSmoother(settings.mood)
        self._baseline = baseline
        self._live = live
        self._damages = damages or {}
        self._clock = clock
        self._lock = threading.Lock()  # fusion and tracks, baseline too, between the two readers and the tick
        self._stopped = threading.Event()
        self._pulses = {"face": ThreadHeartbeat(clock()), "voice": ThreadHeartbeat(clock())}
        self._looked_s = 0.0
        self._switches_path = settings.state_dir / "switches.json"
        self._switches = controls.load(self._switches_path)

    def run(self, door: HubClient, stop: threading.Event) -> None:
        """See, hear and say, until `stop` is set."""
        self._apply_switches()
        readers = [
            threading.Thread(target=self._turn, args=(name, step), name=name, daemon=True)
            for name, step in (("face", self._see), ("voice", self._hear))
        ]
        threads: list[threading.Thread] = [self._camera, self._microphone, *readers]
        for thread in threads:
            thread.start()
        self._live.start()
        door.start()
        notify("READY=1")
        try:
            self._tick_until(stop, door)
        finally:
            self._stopped.set()
            self._live.stop()
            self._camera.stop()
            self._microphone.stop()
            for thread in readers:
                thread.join(2.0)
            self._voice_reader.keep()
            door.stop()

    def on_command(self, command: CommandHandler) -> None:
        """Throw a switch, set the hold, record or forget the neutral: at once, and for good."""
        if isinstance(command, Watch):
            self._live.watch(command.seconds)
            return
        if isinstance(command, RecordBaseline):
            with self._lock:
                self._baseline.record(command.seconds)
            _log.info("the next %g s are taken as this household's neutral", command.seconds)
            return
        if isinstance(command, ClearBaseline):
            self._forget()
            return
        with self._lock:
            if isinstance(command, SetHold):
                self._switches = msgspec.structs.replace(self._switches, hold_s=command.hold_s)
            else:
                self._switches = self._switches.after(command.order, on=command.on)
            kept = self._switches
        self._apply_switches()
        _log.info("%s", _said(command))
        try:
            keep(self._switches_path, kept)
        except OSError as error:
            _log.error("%s: the switch cannot be kept over a restart (%s)", self._switches_path, error)

    def _forget(self) -> None:
        """The household's neutral, and how its voices usually sound."""
        self._voice_reader.forget()
        try:
            with self._lock:
                self._baseline.forget()
        except OSError as error:
            _log.error("the neutral is forgotten until a restart; its file cannot be removed (%s)", error)
            return
        _log.info("the neutral, and how voices usually sound here, is forgotten")

    def _apply_switches(self) -> None:
        sees = self._switches.sees and self._settings.camera.source != "off"
        self._live.set_on(sees)
        self._camera.set_on(sees)
        self._microphone.set_on(self._switches.hears and self._settings.microphone.source != "off")
        with self._lock:
            hold_s = self._switches.hold_s
            self._steady.hold_s = self._settings.mood.hold_s if hold_s is None else hold_s
            if not self._switches.sees:
                self._fusion.forget_faces()
            if not self._switches.hears:
                self._fusion.forget_voice()

    def _tick_until(self, stop: threading.Event, door: HubClient) -> None:
        shown: Mood | None = None
        said_s = health_s = float("-inf")
        tick_s = TICK_S
        while not stop.wait(tick_s):
            now = self._clock()
            with self._lock:
                people = self._sight.people(now) if self._switches.sees else 0
                self._baseline.tick()
                fused = self._fusion.now(now)
                mood = self._steady.update(fused, people, now)
            tick_s = TICK_S if people or fused.heard_or_seen else _IDLE_TICK_S
            self._camera.wanted_fps = self._wanted_fps(people)
            if shown and mood.emotion is shown.emotion and people != shown.people:
                # What decided is the newest look, which did or did not find somebody, and no reading.
                mood = msgspec.structs.replace(mood, time_s=max(mood.time_s, self._looked_s))
            changed = shown is None or (mood.emotion, mood.people) != (shown.emotion, shown.people)
            if changed or now - said_s >= _REFRESH_S:
                door.say(mood, changed=changed)
                shown, said_s = mood, now
            if now - health_s >= HEARTBEAT_S / 2:
                door.health(self._health(now, door.lost))
                health_s = now
                if all(now - p.beat_s < _STALL_S for p in self._pulses.values()):
                    notify("WATCHDOG=1")

    def _wanted_fps(self, people: int) -> float:
        """The slow look is enough where nobody is, unless someone watches."""
        camera = self._settings.camera
        fps = camera.fps if people else camera.idle_fps
        return max(fps, LIVE_FPS) if self._live.watched else fps

    def _turn(self, name: str, step: Callable[[ThreadHeartbeat], None]) -> None:
        """A reading thread's life: it does not end because one picture or sound went wrong."""
        name_this_thread(name)
        pulse = self._pulses[name]
        while not self._stopped.is_set():
            pulse.beat_s = self._clock()
            try:
                step(pulse)
            except Exception as error:  # noqa: BLE001 - the edge of a thread: said in health, and tried again
                if not pulse.trouble:
                    _log.error("reading the %s failed: %s", name, type(error).__name__)
                pulse.trouble = f"reading failed ({type(error).__name__}); mien doctor tells more"
                self._stopped.wait(1.0)

    def _see(self, pulse: ThreadHeartbeat) -> None:
        frame = self._latest.get(0.5)
        if frame is None or not self._switches.sees:
            return
        readings = self._sight.see(frame)
        self._looked_s = frame.time_s
        with self._lock:
            if self._switches.sees:  # a frame that was under way when the camera was switched off is forgotten too
                readings = [self._baseline.saw(reading) for reading in readings]
                for reading in readings:
                    self._fusion.saw(reading)
                self._live.offer(frame, readings)
        pulse.done.append(self._clock())
        pulse.trouble = ""

    def _hear(self, pulse: ThreadHeartbeat) -> None:
        self._stopped.wait(self._settings.microphone.interval_s)
        window = self._ring.window() if self._switches.hears else None
        if window is None:
            self._voice_reader.rest()  # after a mute nothing of before may be left, what was measured of it neither
            return
        if self._clock() - window.end_s > self._settings.microphone.interval_s + 1:
            return  # nothing new has come: the same sound is not read twice
        # Windows overlap: all those of one utterance count as one.
        reading = self._voice_reader.read(window, learn=self._settings.microphone.interval_s / 3)
        if reading is not None:
            with self._lock:
                if self._switches.hears:
                    self._fusion.heard(self._baseline.heard(reading))
        pulse.done.append(self._clock())
        pulse.trouble = ""

    def _health(self, now_s: float, lost: int) -> Health:
        stages = {"camera": self._camera.stage(now_s), "microphone": self._microphone.stage(now_s)}
        for name, pulse in self._pulses.items():
            stalled = now_s - pulse.beat_s > _STALL_S
            trouble = "it hangs; the watchdog restarts sense" if stalled else pulse.trouble
            detail = trouble or self._damages.get(name, "")
            stages[name] = Stage(State.LOST if trouble else State.OK, detail, round(pulse.rate_hz(now_s), 2))
        kept = self._switches
        with self._lock:
            neutral, recording = self._baseline.neutral, self._baseline.recording
        return Health(stages, kept.camera, kept.microphone, kept.pause, lost, self._steady.hold_s, neutral, recording)


def _said(command: SetSwitch | SetHold) -> str:
    if isinstance(command, SetHold):
        return f"a mood now stays for {command.hold_s:g} s at least"
    return f"{command.order} is now {'on' if command.on else 'off'}"

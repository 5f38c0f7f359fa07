"""The main loop of `sense`: capture -> read -> fuse -> smooth -> send.

Four threads: one for the camera, one for the microphone (camera/thread.py, microphone/thread.py), one that reads faces
and one that reads the voice. Their readings meet in `Fusion`. Ten times a second they become a Mood, which is sent to
`hub`.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping

import msgspec

from device.ipc.messages import HEARTBEAT_S, Health
from device.perception.face.stream import FaceStream
from device.perception.models.hangs import HangRecord
from device.perception.mood.baseline import BaselineRecorder
from device.perception.mood.fusion import Fusion
from device.perception.mood.smoothing import MoodSmoother
from device.perception.voice.classifier import VoiceReader
from device.readings import Mood
from device.sense.camera.thread import CameraThread
from device.sense.controls import Controls
from device.sense.health import HealthMonitor, ThreadHeartbeat
from device.sense.hub_client import HubClient
from device.sense.live_view import LIVE_FPS, LiveView
from device.sense.microphone.thread import MicrophoneThread
from device.settings.schema import Settings
from device.system.sd_notify import notify
from device.system.threads import name_this_thread

_log = logging.getLogger(__name__)

EXIT_HUNG = 70
"""The exit status of a sense whose reading hangs."""
TICK_S = 0.1
_SUSPENDED_S = 2.0
_IDLE_TICK_S = 0.3
"""Longer, because in an empty, quiet room the wake-ups cost more than anything else."""
_REFRESH_S = 0.5


class Pipeline:
    """All parts of `sense`, and the threads that drive them."""

    def __init__(
        self,
        settings: Settings,
        camera: CameraThread,
        microphone: MicrophoneThread,
        face_stream: FaceStream,
        voice_reader: VoiceReader,
        fusion: Fusion,
        baseline: BaselineRecorder,
        live: LiveView,
        damages: Mapping[str, str],
        installed: Mapping[str, tuple[str, ...]],
    ) -> None:
        """`damages`: `face` or `voice` -> why the shipped model is used instead of the installed one.

        `installed`: `face` or `voice` -> the digests of its installed models.
        """
        self._installed, self._hangs = installed, HangRecord(settings.sense_dir)
        self._settings = settings
        self._live = live
        self._camera, self._microphone = camera, microphone
        self._face_stream, self._voice_reader = face_stream, voice_reader
        self._fusion, self._baseline = fusion, baseline
        self._smoother = MoodSmoother(settings.mood)
        # Fusion, face tracks and baseline are shared by the two reading threads and the tick.
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self.health = HealthMonitor(camera, microphone, damages, time.monotonic())
        self._last_frame_s = 0.0
        self.controls = Controls(
            settings, camera, microphone, voice_reader, fusion, self._smoother, baseline, live, self._lock
        )

    def run(self, hub: HubClient, stop: threading.Event) -> None:
        """Capture, read and send until `stop` is set."""
        self.controls.apply()
        readers = [
            threading.Thread(target=self._read_forever, args=(name, step), name=name, daemon=True)
            for name, step in (("face", self._read_faces), ("voice", self._read_voice))
        ]
        threads: list[threading.Thread] = [self._camera, self._microphone, *readers]
        for thread in threads:
            thread.start()
        self._live.start()
        hub.start()
        notify("READY=1")
        try:
            self._tick_until(stop, hub)
        finally:
            self._stopped.set()
            self._live.stop()
            self._camera.stop()
            self._microphone.stop()
            for thread in readers:
                thread.join(2.0)
            self._voice_reader.save()
            hub.stop()

    def _tick_until(self, stop: threading.Event, hub: HubClient) -> None:
        shown: Mood | None = None
        sent_s = health_s = float("-inf")
        tick_s = TICK_S
        while not stop.wait(tick_s):
            now_s = time.monotonic()
            if hub.handed_over.is_set():
                self.controls.release()
            with self._lock:
                people = self._face_stream.people(now_s) if self.controls.switches.can_see else 0
                self._baseline.tick()
                fused = self._fusion.now(now_s)
                mood = self._smoother.update(fused, people, now_s)
            tick_s = TICK_S if people or fused.has_reading else _IDLE_TICK_S
            self._camera.wanted_fps = self._wanted_fps(people)
            if shown and mood.emotion is shown.emotion and people != shown.people:
                # The newest frame decided this, by showing or not showing a person, and not a reading.
                mood = msgspec.structs.replace(mood, time_s=max(mood.time_s, self._last_frame_s))
            changed = shown is None or (mood.emotion, mood.people) != (shown.emotion, shown.people)
            if changed or now_s - sent_s >= _REFRESH_S:
                hub.send_mood(mood, changed=changed)
                shown, sent_s = mood, now_s
            if now_s - health_s >= HEARTBEAT_S / 2:
                # After a suspension of the whole process every heartbeat is old.
                was_running = now_s - health_s < _SUSPENDED_S
                self.controls.retry_save()
                hub.send_health(self._report_health(now_s, hub.lost_changes))
                health_s = now_s
                if not self.health.is_stalled(now_s):
                    notify("WATCHDOG=1")
                if was_running and (hung := self.health.find_hung(now_s)):
                    self._give_up(hung)

    def _give_up(self, hung: str) -> None:
        """End the process: a thread that hangs in the runtime cannot be ended. Its models are counted."""
        _log.error("reading the %s hangs; sense ends, to be started again", hung)
        try:
            self._hangs.add(self._installed.get(hung, ()))
        except OSError as error:
            _log.error("it cannot be noted which model hung (%s)", error)
        os._exit(EXIT_HUNG)

    def _wanted_fps(self, people: int) -> float:
        """The idle rate is enough for an empty room, unless somebody watches the live view."""
        fps = self._settings.camera.fps if people else self._settings.camera.idle_fps
        return max(fps, LIVE_FPS) if self._live.is_watched else fps

    def _read_forever(self, name: str, step: Callable[[ThreadHeartbeat], None]) -> None:
        """Run a reading thread. One bad picture or sound does not end it."""
        name_this_thread(name)
        heartbeat = self.health.heartbeats[name]
        while not self._stopped.is_set():
            heartbeat.beat_s = time.monotonic()
            try:
                step(heartbeat)
            except Exception as error:  # noqa: BLE001 - the edge of a thread: reported in health, then retried
                if not heartbeat.problem:
                    _log.error("reading the %s failed: %s", name, type(error).__name__)
                heartbeat.problem = f"reading failed ({type(error).__name__}); mien doctor tells more"
                self._stopped.wait(1.0)

    def _read_faces(self, heartbeat: ThreadHeartbeat) -> None:
        frame = self._camera.latest.get(0.5)
        if frame is None or not self.controls.switches.can_see:
            return
        readings = self._face_stream.read(frame)
        self._last_frame_s = frame.time_s
        with self._lock:
            if self.controls.switches.can_see:  # else the camera was switched off during the reading: drop it
                readings = [self._baseline.correct_face(reading) for reading in readings]
                for reading in readings:
                    self._fusion.add_face(reading)
                self._live.offer(frame, readings)
        heartbeat.succeed(time.monotonic())

    def _read_voice(self, heartbeat: ThreadHeartbeat) -> None:
        interval_s = self._settings.microphone.interval_s
        self._stopped.wait(interval_s)
        window = self._microphone.ring.window() if self.controls.switches.can_hear else None
        if window is None:
            self._voice_reader.reset()  # after a mute, neither old sound nor its features may be left
            return
        if time.monotonic() - window.end_s > interval_s + 1:
            return  # no new sound has arrived: do not read the same sound twice
        # Windows overlap: all windows of one utterance together count as one.
        reading = self._voice_reader.read(window, learn=interval_s / 3)
        if reading is not None:
            with self._lock:
                if self.controls.switches.can_hear:
                    self._fusion.add_voice(self._baseline.correct_voice(reading))
        heartbeat.succeed(time.monotonic())

    def _report_health(self, now_s: float, lost_changes: int) -> Health:
        with self._lock:
            switches, hold_s = self.controls.reported, self._smoother.hold_s
            neutral, recording = self._baseline.neutral, self._baseline.recording
        return self.health.report(now_s, switches, self.controls.save_error, hold_s, neutral, recording, lost_changes)

"""Settings that people change at run time: switches, hold time and the household's neutral.

They are stored, so that a camera switched off stays off after a restart.
"""

import logging
import threading
import time
from pathlib import Path
from typing import Annotated

import msgspec

from device.ipc.messages import ClearBaseline, RecordBaseline, SenseCommand, SetHold, SetSwitch, Watch
from device.perception.mood.baseline import BaselineRecorder
from device.perception.mood.fusion import Fusion
from device.perception.mood.smoothing import MoodSmoother
from device.perception.voice.classifier import VoiceReader
from device.sense.camera.thread import CameraThread
from device.sense.live_view import LiveView
from device.sense.microphone.thread import MicrophoneThread
from device.settings.schema import Settings
from device.system.state_file import StateFile

_log = logging.getLogger(__name__)

RETRY_S = 5.0
"""Between two attempts to store switches."""


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The choices of the people in the room."""

    camera: bool = True
    microphone: bool = True
    pause: bool = False
    hold_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] | None = None
    """Minimum time between two changes of mood; None: as in the settings."""

    @property
    def can_see(self) -> bool:
        """Whether the camera may be open."""
        return self.camera and not self.pause

    @property
    def can_hear(self) -> bool:
        """Whether the microphone may be open."""
        return self.microphone and not self.pause


class SwitchesFile(StateFile[Switches]):
    """The switches on disk, which survive restarts and reboots."""

    def __init__(self, state_dir: Path) -> None:
        super().__init__(state_dir / "switches.json", Switches, "paused until it is switched on again")

    def read(self) -> Switches:
        """All on if there is no file. All paused if it is damaged: it may have said that the camera is off."""
        return self.load(Switches(), damaged=Switches(pause=True))


class Controls:
    """Executes the hub's commands: each takes effect at once and is stored."""

    def __init__(
        self,
        settings: Settings,
        camera: CameraThread,
        microphone: MicrophoneThread,
        voice_reader: VoiceReader,
        fusion: Fusion,
        smoother: MoodSmoother,
        baseline: BaselineRecorder,
        live: LiveView,
        lock: threading.Lock,
    ) -> None:
        """`lock` guards `fusion`, `smoother` and `baseline`."""
        self._settings = settings
        self._camera, self._microphone, self._live = camera, microphone, live
        self._voice_reader = voice_reader
        self._lock = lock
        self._fusion, self._smoother, self._baseline = fusion, smoother, baseline
        self._file = SwitchesFile(settings.sense_dir)
        self.switches = self._file.read()
        self.reported = self.switches
        """What health shows: the newest switches that were stored, or could not be."""
        self.save_error = ""
        """Why the switches cannot be stored; empty if they are."""
        self._save_lock = threading.Lock()
        self._saved_s = 0.0
        self._is_released = False

    def execute(self, command: SenseCommand) -> None:
        """Carry out a command. If the disk takes no file, health says so, and `hub` repeats it after a restart."""
        match command:
            case Watch(seconds):
                self._live.watch(seconds)
            case RecordBaseline(seconds):
                with self._lock:
                    self._baseline.record(seconds)
                _log.info("recording this household's neutral for %g s", seconds)
            case ClearBaseline():
                self._clear_baseline()
            case SetHold(hold_s):
                self._change(f"a mood now lasts at least {hold_s:g} s", hold_s=hold_s)
            case SetSwitch(switch, on):
                self._change(f"{switch} is now {'on' if on else 'off'}", **{switch.value: on})

    def release(self) -> None:
        """Let the devices open. Until then they stay closed: `hub` may know of a switch that was thrown meanwhile."""
        if not self._is_released:
            self._is_released = True
            self.apply()

    def retry_save(self) -> None:
        """Try again to store switches that could not be stored. Call it regularly."""
        if self.save_error and time.monotonic() - self._saved_s > RETRY_S:
            self._save()

    def apply(self) -> None:
        """Open or close the devices as the switches say. The readings of a closed sense are dropped."""
        sees = self._is_released and self.switches.can_see and self._settings.camera.source != "off"
        hears = self._is_released and self.switches.can_hear and self._settings.microphone.source != "off"
        self._live.set_on(sees)
        self._camera.set_on(sees)
        self._microphone.set_on(hears)
        with self._lock:
            hold_s = self.switches.hold_s
            self._smoother.hold_s = self._settings.mood.hold_s if hold_s is None else hold_s
            if not self.switches.can_see:
                self._fusion.clear_faces()
            if not self.switches.can_hear:
                self._fusion.clear_voice()

    def _change(self, message: str, **changes: float) -> None:
        with self._lock:
            self.switches = msgspec.structs.replace(self.switches, **changes)
        self.apply()
        _log.info("%s", message)
        self._save()

    def _save(self) -> None:
        with self._save_lock:
            self._saved_s = time.monotonic()
            switches = self.switches
            try:
                self._file.save(switches)
                self.save_error = ""
            except OSError as error:
                if not self.save_error:
                    _log.error("%s: the switches cannot be kept over a restart (%s)", self._file.path, error)
                self.save_error = f"cannot be kept over a power cut ({error}); free space in {self._file.path.parent}"
            self.reported = switches

    def _clear_baseline(self) -> None:
        """Forget the household's neutral, and how its voices usually sound."""
        self._voice_reader.forget_speakers()
        try:
            with self._lock:
                self._baseline.clear()
        except OSError as error:
            _log.error("the neutral is cleared only until a restart: its file cannot be removed (%s)", error)
        else:
            _log.info("the neutral and the usual sound of the voices here are cleared")

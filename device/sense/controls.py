"""Settings that people change at run time: switches, hold time and the household's neutral.

They are stored, so that a camera switched off stays off after a restart.
"""

import logging
import threading
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
        self._file = SwitchesFile(settings.state_dir)
        self.switches = self._file.read()

    def execute(self, command: SenseCommand) -> None:
        """Carry out a command. A disk error is logged; the command holds until the restart."""
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

    def apply(self) -> None:
        """Open or close the devices as the switches say. The readings of a closed sense are dropped."""
        sees = self.switches.can_see and self._settings.camera.source != "off"
        self._live.set_on(sees)
        self._camera.set_on(sees)
        self._microphone.set_on(self.switches.can_hear and self._settings.microphone.source != "off")
        with self._lock:
            hold_s = self.switches.hold_s
            self._smoother.hold_s = self._settings.mood.hold_s if hold_s is None else hold_s
            if not self.switches.can_see:
                self._fusion.clear_faces()
            if not self.switches.can_hear:
                self._fusion.clear_voice()

    def _change(self, message: str, **changes: float) -> None:
        with self._lock:
            switches = self.switches = msgspec.structs.replace(self.switches, **changes)
        self.apply()
        _log.info("%s", message)
        try:
            self._file.save(switches)
        except OSError as error:
            _log.error("%s: the switch cannot be kept over a restart (%s)", self._file.path, error)

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

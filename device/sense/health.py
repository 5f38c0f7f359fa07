"""The health of `sense`: collects the reading threads' heartbeats and all stages' states in a Health message."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from device.ipc.messages import SWITCHES_STAGE, Health, Stage, State
from device.readings import Baseline, Recording
from device.sense.camera.thread import CameraThread
from device.sense.controls import Switches
from device.sense.microphone.thread import MicrophoneThread

GIVE_UP_S = 30.0
"""After this long without a heartbeat sense ends itself, and is started again. systemd's watchdog would take longer."""
STALL_S = 10.0
"""A reading thread without a heartbeat for this long is stalled: the watchdog is no longer notified."""
_RATE_WINDOW_S = 5


@dataclass
class ThreadHeartbeat:
    """Signs of life of one reading thread."""

    beat_s: float
    done_s: deque[float] = field(default_factory=lambda: deque(maxlen=64))
    """When the last readings ended."""
    problem: str = ""

    def succeed(self, now_s: float) -> None:
        """Record that a reading has succeeded."""
        self.done_s.append(now_s)
        self.problem = ""

    def rate_hz(self, now_s: float) -> float:
        """Readings per second over the last five seconds."""
        return sum(now_s - done_s < _RATE_WINDOW_S for done_s in self.done_s) / _RATE_WINDOW_S


class HealthMonitor:
    """Collects the state of every stage."""

    def __init__(
        self, camera: CameraThread, microphone: MicrophoneThread, damages: Mapping[str, str], now_s: float
    ) -> None:
        """`damages`: `face` or `voice` -> why the shipped model is used instead of the installed one."""
        self._camera, self._microphone, self._damages = camera, microphone, damages
        self.stall_s, self.give_up_s = STALL_S, GIVE_UP_S
        self.heartbeats = {"face": ThreadHeartbeat(now_s), "voice": ThreadHeartbeat(now_s)}

    def is_stalled(self, now_s: float) -> bool:
        """Whether a reading thread hangs."""
        return any(now_s - heartbeat.beat_s > self.stall_s for heartbeat in self.heartbeats.values())

    def find_hung(self, now_s: float) -> str:
        """The reading thread, `face` or `voice`, that hangs so long that only a restart helps; "" if none does."""
        hung = (name for name, heartbeat in self.heartbeats.items() if now_s - heartbeat.beat_s > self.give_up_s)
        return next(hung, "")

    def report(
        self,
        now_s: float,
        switches: Switches,
        save_error: str,
        hold_s: float,
        baseline: Baseline | None,
        recording: Recording,
        lost_changes: int,
    ) -> Health:
        """The message for `hub`. `save_error`: why the switches cannot be stored; empty if they are."""
        stages = {"camera": self._camera.stage(now_s), "microphone": self._microphone.stage(now_s)}
        for name, heartbeat in self.heartbeats.items():
            stalled = now_s - heartbeat.beat_s > self.stall_s
            problem = "it hangs; sense will be started again" if stalled else heartbeat.problem
            detail = problem or self._damages.get(name, "")
            stages[name] = Stage(State.LOST if problem else State.OK, detail, round(heartbeat.rate_hz(now_s), 2))
        if save_error:
            stages[SWITCHES_STAGE] = Stage(State.LOST, save_error)
        return Health(
            stages,
            switches.camera,
            switches.microphone,
            switches.pause,
            lost_changes,
            hold_s,
            baseline,
            recording,
        )

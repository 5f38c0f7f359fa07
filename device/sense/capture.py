"""The threads of camera and microphone: each reads its device and leaves what it got where the readers find it."""

import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.link import State
from device.sense.camera import Camera
from device.sense.camera.latest import Latest
from device.sense.camera.upright import upright
from device.sense.device_thread import DeviceThread
from device.sense.microphone import Microphone
from device.sense.microphone.ring import SoundRing
from device.sense.sound.centred import Centred

__all__ = ["CameraThread", "Latest", "MicrophoneThread", "SoundRing"]


_LEAST_SPREAD = 8.0
"""Standard deviation of a thousand pixels' green: a finger on the lens or a night has 2 to 6, of noise alone; a lamp
at the end of a dark room, or a bare wall by day, more."""
_DARK = (State.DARK, "nothing can be seen in the picture: is it dark, or is something in front of the lens?")
_TOP = 0.985
MOST_CUT_OFF = 0.02
"""Share of samples at the top. Speech that is far too loud has 5 % and more, a slammed door next to none."""
_OVER = 16_000
"""Samples over which the share is smoothed: a second."""
_CLIPPED = (State.CLIPPED, "the sound is cut off at the top: turn the microphone's level down, e.g. with alsamixer")


def shows_nothing(pixels: npt.NDArray[np.uint8]) -> bool:
    """Whether (h, w, 3) uint8 is of a covered lens or a night: a thousand pixels' green that hardly differs."""
    return bool(pixels[::16, ::16, 1].std() < _LEAST_SPREAD)


def share_cut_off(samples: Floats) -> float:
    """0..1: of (n,) samples in -1..1, those at the top; 0 of none."""
    return float(np.mean(np.abs(samples) >= _TOP)) if len(samples) else 0.0


class CameraThread(DeviceThread[Camera]):
    """Reads a camera and leaves its newest frame in `latest`, at most `wanted_fps` times a second."""

    def __init__(
        self,
        opener: Callable[[], Camera],
        latest: Latest,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        wanted_fps: float = 10.0,
        turned: int = 0,
        on: bool = True,
    ) -> None:
        """`turned`: degrees clockwise, as in the settings."""
        super().__init__("camera", opener, timeout_s, clock, on)
        self._turned = turned
        self.wanted_fps = wanted_fps
        """May be changed at any time. All frames are read, or the device would hand out old ones."""
        self._latest = latest
        self._due_s = 0.0
        self._seen: bytes | None = None

    def _take(self, device: Camera) -> bool:
        frame = device.read()
        if frame is None:
            return False
        # One pixel in 256 will do: a sensor's noise changes some of them from any frame to the next.
        seen = frame.pixels[::16, ::16].tobytes()
        same = device.still_is_frozen and seen == self._seen
        self._seen = seen
        self._note(same, self._clock())
        if self._due(frame.time_s):
            self._note_poor(_DARK if shows_nothing(frame.pixels) else None, self._clock())
            frame = upright(frame, self._turned)
            with self._guard:
                if self._on:
                    self._latest.put(frame)
                    self._handed.append(self._clock())
        return True

    def _due(self, taken_s: float) -> bool:
        """Whether a frame is to be handed on; a quarter of a step early is not too early."""
        step_s = 1 / self.wanted_fps
        # Kept, so that a rate that was raised is not waited for with the old one's patience.
        due_s = self._due_s = min(self._due_s, taken_s + step_s)
        if taken_s + step_s / 4 < due_s:
            return False
        # One that came more than a step late begins a new count: there is nothing to make up for.
        self._due_s = (due_s if taken_s - due_s < step_s else taken_s) + step_s
        return True

    def _forget(self) -> None:
        self._latest.clear()
        self._seen = None

    def _dropped(self) -> int:
        return self._latest.dropped

    def _frozen(self, for_s: float) -> str:
        return f"the same picture for {for_s:.0f} s"


class MicrophoneThread(DeviceThread[Microphone]):
    """Reads a microphone and keeps its last seconds in `ring`."""

    def __init__(
        self,
        opener: Callable[[], Microphone],
        ring: SoundRing,
        timeout_s: float,
        clock: Callable[[], float] = time.monotonic,
        *,
        on: bool = True,
    ) -> None:
        super().__init__("microphone", opener, timeout_s, clock, on)
        self._ring = ring
        self._overflows = 0
        self._loud = 0.0
        self._counted: tuple[Microphone | None, int] = (None, 0)
        self._centred = Centred()

    def _take(self, device: Microphone) -> bool:
        heard = device.read()
        if self._counted[0] is not device:
            # A device that was opened anew counts from nothing, and stands where it stands.
            self._counted, self._centred = (device, 0), Centred()
        self._overflows += device.overflows - self._counted[1]
        self._counted = (device, device.overflows)
        if heard is None:
            return False
        block, end_s = heard
        self._note(device.still_is_frozen and not block.any(), self._clock())
        loud = share_cut_off(block)
        self._loud += (loud - self._loud) * min(len(block) / _OVER, 1.0)
        self._note_poor(_CLIPPED if self._loud > MOST_CUT_OFF else None, self._clock())
        block = self._centred(block)
        with self._guard:
            if self._on:
                self._ring.push(block, end_s)
                self._handed.append(self._clock())
        return True

    def _forget(self) -> None:
        self._ring.clear()

    def _dropped(self) -> int:
        return self._overflows

    def _frozen(self, for_s: float) -> str:
        return f"silent: nothing but zeros for {for_s:.0f} s; is it muted or unplugged?"

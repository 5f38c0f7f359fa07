"""The ring between a microphone's thread and the one that listens: the last three seconds, no more."""

import threading
import time
from collections.abc import Callable

import numpy as np

from device.emotions import Floats
from device.ipc.messages import State
from device.perception.audio.dc_offset import DcBlocker
from device.perception.audio.stft import HOP, RATE_HZ
from device.readings import SoundWindow
from device.sense.device_thread import DeviceThread
from device.sense.microphone import Microphone

_GAP_S = 0.5
"""Sound from before a pause longer than this is not part of what is heard now."""


class SoundRing:
    """The newest `seconds` of 16 kHz mono sound; what is older is overwritten. Any thread may call it."""

    def __init__(self, seconds: float = 3.0) -> None:
        self._samples = np.zeros(int(seconds * RATE_HZ), np.float32)
        self._lock = threading.Lock()
        self._at = 0
        self._count = 0
        self._heard = 0
        """Samples since the last gap: the next one's number."""
        self._end_s = 0.0

    def push(self, block: Floats, end_s: float) -> None:
        """Add a block (n,) float32 whose last sample was heard at `end_s`."""
        size = len(self._samples)
        with self._lock:
            if end_s - len(block) / RATE_HZ - self._end_s > _GAP_S:
                self._count = self._heard = 0
            kept = block[-size:]
            first = min(len(kept), size - self._at)
            self._samples[self._at : self._at + first] = kept[:first]
            self._samples[: len(kept) - first] = kept[first:]
            self._at = (self._at + len(kept)) % size
            self._count = min(self._count + len(kept), size)
            self._heard += len(block)
            self._end_s = end_s

    def window(self) -> SoundWindow | None:
        """A copy of what there is, oldest first, from a whole hop of the stream on; None when there is nothing."""
        with self._lock:
            first = self._heard - self._count
            first += -first % HOP
            count = self._heard - first
            if count <= 0:
                return None
            early = min(max(count - self._at, 0), count)
            size = len(self._samples)
            parts = self._samples[size - early :], self._samples[self._at - count + early : self._at]
            return SoundWindow(np.concatenate(parts), self._end_s, first)

    def clear(self) -> None:
        """Forget everything, the samples themselves too: after a mute nothing of before may be left."""
        with self._lock:
            self._samples.fill(0)
            self._at = self._count = self._heard = 0


_TOP = 0.985
MAX_CUT_OFF = 0.02
"""Share of samples at the top. Speech that is far too loud has 5 % and more, a slammed door next to none."""
_OVER = 16_000
"""Samples over which the share is smoothed: a second."""
_CLIPPED = (State.CLIPPED, "the sound is cut off at the top: turn the microphone's level down, e.g. with alsamixer")


def share_cut_off(samples: Floats) -> float:
    """0..1: of (n,) samples in -1..1, those at the top; 0 of none."""
    return float(np.mean(np.abs(samples) >= _TOP)) if len(samples) else 0.0


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
        self._centred = DcBlocker()

    def _take(self, device: Microphone) -> bool:
        heard = device.read()
        if self._counted[0] is not device:
            # A device that was opened anew counts from nothing, and stands where it stands.
            self._counted, self._centred = (device, 0), DcBlocker()
        self._overflows += device.overflows - self._counted[1]
        self._counted = (device, device.overflows)
        if heard is None:
            return False
        block, end_s = heard
        self._note(device.still_is_frozen and not block.any(), self._clock())
        loud = share_cut_off(block)
        self._loud += (loud - self._loud) * min(len(block) / _OVER, 1.0)
        self._note_poor(_CLIPPED if self._loud > MAX_CUT_OFF else None, self._clock())
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

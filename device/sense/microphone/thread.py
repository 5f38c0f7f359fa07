"""The microphone thread, and the ring that holds its last three seconds for the voice reader."""

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
"""After a longer gap, the sound from before it is dropped."""


class SoundRing:
    """The newest `seconds` of 16 kHz mono sound; older sound is overwritten. Thread-safe."""

    def __init__(self, seconds: float = 3.0) -> None:
        self._samples = np.zeros(int(seconds * RATE_HZ), np.float32)
        self._lock = threading.Lock()
        self._position = self._length = 0
        self._total = 0
        """Samples since the last gap."""
        self._end_s = 0.0

    def push(self, block: Floats, end_s: float) -> None:
        """Add a block (n,) float32 whose last sample was recorded at `end_s`."""
        size = len(self._samples)
        with self._lock:
            if end_s - len(block) / RATE_HZ - self._end_s > _GAP_S:
                self._length = self._total = 0
            newest = block[-size:]
            first = min(len(newest), size - self._position)
            self._samples[self._position : self._position + first] = newest[:first]
            self._samples[: len(newest) - first] = newest[first:]
            self._position = (self._position + len(newest)) % size
            self._length = min(self._length + len(newest), size)
            self._total += len(block)
            self._end_s = end_s

    def window(self) -> SoundWindow | None:
        """A copy of the content, oldest first, starting at a whole hop of the stream; None if it is empty."""
        with self._lock:
            first = self._total - self._length
            first += -first % HOP
            count = self._total - first
            if count <= 0:
                return None
            early = min(max(count - self._position, 0), count)
            size = len(self._samples)
            parts = self._samples[size - early :], self._samples[self._position - count + early : self._position]
            return SoundWindow(np.concatenate(parts), self._end_s, first)

    def clear(self) -> None:
        """Drop everything, and overwrite the samples: after a mute, no old sound may be left in memory."""
        with self._lock:
            self._samples.fill(0)
            self._position = self._length = self._total = 0


_CLIPPING_LEVEL = 0.985
MAX_CLIPPED_SHARE = 0.02
"""In speech that is far too loud, 5 % of the samples or more are clipped; in a slammed door almost none."""
_SMOOTHING = 16_000
"""The share is smoothed over this many samples: one second."""
_CLIPPED = (State.CLIPPED, "the sound is clipped: turn the microphone's level down, for example with alsamixer")


def clipped_share(samples: Floats) -> float:
    """The share, 0..1, of (n,) samples in -1..1 that are clipped; 0 without samples."""
    return float(np.mean(np.abs(samples) >= _CLIPPING_LEVEL)) if len(samples) else 0.0


class MicrophoneThread(DeviceThread[Microphone]):
    """Reads a microphone and writes its sound into `ring`."""

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
        self.ring = ring
        self._overflows = 0
        self._clipped_share = 0.0
        self._counted: tuple[Microphone | None, int] = (None, 0)
        self._dc_blocker = DcBlocker()

    def _read(self, device: Microphone) -> bool:
        result = device.read()
        if self._counted[0] is not device:
            # A newly opened device counts its overflows from 0, and has a DC offset of its own.
            self._counted = (device, 0)
            self._dc_blocker = DcBlocker()
        self._overflows += device.overflows - self._counted[1]
        self._counted = (device, device.overflows)
        if result is None:
            return False
        block, end_s = result
        self._note_same(device.still_is_frozen and not block.any(), self._clock())
        weight = min(len(block) / _SMOOTHING, 1.0)
        self._clipped_share += (clipped_share(block) - self._clipped_share) * weight
        self._note_unusable(_CLIPPED if self._clipped_share > MAX_CLIPPED_SHARE else None, self._clock())
        block = self._dc_blocker(block)
        with self._lock:
            if self._on:
                self.ring.push(block, end_s)
                self._delivered_s.append(self._clock())
        return True

    def _clear(self) -> None:
        self.ring.clear()

    def _count_dropped(self) -> int:
        return self._overflows

    def _describe_frozen(self, for_s: float) -> str:
        return f"silent: nothing but zeros for {for_s:.0f} s; is it muted or unplugged?"

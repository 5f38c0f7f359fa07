"""Microphones through PyAudio (PortAudio): ALSA cards, PulseAudio and PipeWire."""

import contextlib
import importlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from device.emotions import Floats
from device.errors import DeviceError
from device.perception.audio.stft import RATE_HZ
from device.system.stderr import silence_stderr

_BLOCK_S = 0.05
_MAX_QUEUE = 40
"""Blocks: two seconds."""
_WAIT_S = 0.4
_LOCK_TIMEOUT_S = 3.0
_PREFERRED = ("pulse", "pipewire", "default")
"""`auto` tries these before PortAudio's default: they mix, resample and follow the user's own choice."""

# PortAudio must not start, stop or open a stream in two threads at once.
_portaudio_lock = threading.Lock()


class PyAudioMicrophone:
    """One input device, chosen by a part of its name, since the numbers change when devices are plugged in."""

    still_is_frozen = True

    def __init__(
        self, source: str = "auto", clock: Callable[[], float] = time.monotonic, lock_timeout_s: float = _LOCK_TIMEOUT_S
    ) -> None:
        """Open and start it. Raises DeviceError, which names the devices that exist."""
        self._clock = clock
        self._lock_timeout_s = lock_timeout_s
        self._blocks: deque[tuple[bytes, float]] = deque(maxlen=_MAX_QUEUE)
        self._arrived = threading.Condition()
        self.overflows = 0
        with _exclusive(self._lock_timeout_s):
            self._module, self._audio = _start()
            try:
                self._stream, self.name, self._rate_hz, self._channels = self._open(source)
            except BaseException:
                self._audio.terminate()
                raise
        self._resampler: Callable[[Floats], Floats] | None = None
        if self._rate_hz != RATE_HZ:
            from device.sense.microphone.resampler import Resampler

            self._resampler = Resampler(self._rate_hz)

    def read(self) -> tuple[Floats, float] | None:
        """The next block, and when the driver delivered it; None after 0.4 s without one."""
        with self._arrived:
            self._arrived.wait_for(lambda: self._blocks, _WAIT_S)
            block = self._blocks.popleft() if self._blocks else None
        if block is None:
            if not self._stream.is_active():
                raise DeviceError(f"{self.name}: the microphone stopped; plug it in again")
            return None
        channels = np.frombuffer(block[0], np.int16).reshape(-1, self._channels)
        # Mixed here: FFmpeg would mix two equal channels to 1.4 times the volume of either.
        mono = channels.mean(axis=1, dtype=np.float32) * np.float32(1 / 32768)
        samples = self._resampler(mono) if self._resampler else mono
        return (samples, block[1]) if len(samples) else None

    def close(self) -> None:
        """Stop the stream and PortAudio. It lists the devices at its start, so the next opening sees new ones."""
        with _exclusive(self._lock_timeout_s):
            try:
                self._stream.close()
            finally:
                self._audio.terminate()

    def _open(self, source: str) -> tuple[Any, str, int, int]:
        """The first matching device that opens: stream, name, rate in Hz, channels."""
        devices = [self._audio.get_device_info_by_index(i) for i in range(self._audio.get_device_count())]
        inputs = [device for device in devices if device["maxInputChannels"] > 0]
        names = ", ".join(str(device["name"]) for device in inputs) or "none"
        faults = []
        default = -1
        with contextlib.suppress(OSError):
            default = int(self._audio.get_default_input_device_info()["index"])
        for device in _match(source, inputs, default):
            name, own_hz = str(device["name"]), int(device["defaultSampleRate"])
            stereo = min(2, int(device["maxInputChannels"]))
            for rate_hz, channels in dict.fromkeys(((RATE_HZ, 1), (RATE_HZ, stereo), (own_hz, 1), (own_hz, stereo))):
                try:
                    return self._open_stream(int(device["index"]), rate_hz, channels), name, rate_hz, channels
                except (OSError, ValueError) as error:
                    fault = f"{name}: {error}"
            faults.append(fault)
        if faults:
            reasons = "; ".join(faults)
            raise DeviceError(f"no microphone opens ({reasons}); is another program using it? There are: {names}")
        problem = "no microphone found" if source == "auto" else f"no microphone has {source!r} in its name"
        raise DeviceError(f"{problem}; there are: {names}. Plug one in, or set microphone.source")

    def _open_stream(self, index: int, rate_hz: int, channels: int) -> Any:  # noqa: ANN401 - PyAudio has no types
        return self._audio.open(
            rate=rate_hz,
            channels=channels,
            format=self._module.paInt16,
            input=True,
            input_device_index=index,
            frames_per_buffer=int(rate_hz * _BLOCK_S),
            stream_callback=self._receive,
        )

    def _receive(self, data: bytes, _frames: int, _times: Mapping[str, float], status: int) -> tuple[None, int]:
        """PortAudio's own thread calls this for each block; it must not block."""
        end_s = self._clock()
        with self._arrived:
            self.overflows += bool(status & self._module.paInputOverflow) + (len(self._blocks) == _MAX_QUEUE)
            self._blocks.append((data, end_s))
            self._arrived.notify()
        return None, self._module.paContinue


def _match(source: str, inputs: list[Mapping[str, Any]], default: int) -> list[Mapping[str, Any]]:
    """The devices to try, in order."""
    if source != "auto":
        return [device for device in inputs if source.lower() in str(device["name"]).lower()]
    preferred = [device for name in _PREFERRED for device in inputs if device["name"] == name]
    return preferred + [device for device in inputs if device["index"] == default and device not in preferred]


def _start() -> tuple[Any, Any]:
    """The module pyaudio and a started PortAudio. Raises DeviceError."""
    try:
        module = importlib.import_module("pyaudio")
    except ImportError as error:
        raise DeviceError(
            "PyAudio is not installed, so there is no microphone; "
            "sudo apt install portaudio19-dev python3-dev gcc, then: pip install pyaudio (or microphone.source = off)"
        ) from error
    try:
        # ALSA tries every plugin of its configuration and prints a line for each one that is missing.
        with silence_stderr():
            return module, module.PyAudio()
    except OSError as error:
        raise DeviceError(f"PortAudio does not start ({error}); check the sound system with: arecord -l") from error


@contextlib.contextmanager
def _exclusive(timeout_s: float) -> Iterator[None]:
    if not _portaudio_lock.acquire(timeout=timeout_s):
        raise DeviceError("the microphone's driver does not answer; unplug it, or restart the device")
    try:
        yield
    finally:
        _portaudio_lock.release()

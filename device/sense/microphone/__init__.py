"""The Microphone protocol, and `open_microphone`, which opens the one named in the settings."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from device.emotions import Floats
from device.sense.microphone.portaudio import PyAudioMicrophone
from device.settings.schema import Microphone as MicrophoneSettings

__all__ = ["Microphone", "PyAudioMicrophone", "open_microphone"]


class Microphone(Protocol):
    """A source of sound. One thread owns it and does all opening, reading and closing."""

    name: str
    """For a person."""
    still_is_frozen: bool
    """Whether digital silence is a fault. A real microphone has noise; a file may be silent."""

    @property
    def overflows(self) -> int:
        """Blocks that the device or its queue has dropped since it was opened."""

    def read(self) -> tuple[Floats, float] | None:
        """The next block, (n,) float32 in -1..1 at 16 kHz mono, and the time of its last sample.

        None if nothing came within about half a second. Raises DeviceError if the device is gone, and EndOfMedia at the
        end of a file.
        """

    def close(self) -> None:
        """Close the device. May block as long as the driver does; the device thread sets the limit."""


def open_microphone(
    settings: MicrophoneSettings, clock: Callable[[], float] = time.monotonic, start_s: float | None = None
) -> Microphone:
    """Open the source from the settings: auto, part of a PyAudio device's name, or file:PATH.

    A file starts to play at `start_s` on `clock`; None: now. Raises DeviceError, which lists the devices and
    says what to do.
    """
    if settings.source.startswith("file:"):
        # FFmpeg takes 16 MB, and only a file needs it.
        from device.sense.microphone.file import FileMicrophone

        return FileMicrophone(Path(settings.source.removeprefix("file:")).expanduser(), clock, start_s)
    return PyAudioMicrophone(settings.source, clock)

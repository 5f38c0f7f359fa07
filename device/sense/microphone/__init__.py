"""Microphones: what all of them do, and the choice of one by the settings' word."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from device.emotions import Floats
from device.sense.microphone.portaudio import PyAudioMicrophone
from device.settings.schema import Microphone as MicrophoneSettings

__all__ = ["Microphone", "PyAudioMicrophone", "open_microphone"]


class Microphone(Protocol):
    """Anything that gives sound. One thread owns it: it opens, reads and closes."""

    name: str
    """For a person."""
    still_is_frozen: bool
    """Whether nothing but digital zeros is a fault: a real microphone has noise, a file may be silent."""

    @property
    def overflows(self) -> int:
        """Blocks that the device or its queue dropped since it was opened."""

    def read(self) -> tuple[Floats, float] | None:
        """The next block, (n,) float32 in -1..1 at 16 kHz mono, and when its last sample was heard.

        None when nothing came within about half a second. Raises DeviceError when the device is gone, EndOfMedia
        when a file has ended.
        """

    def close(self) -> None:
        """Let go of the device. It may take as long as its driver takes: the capture thread sets the limit."""


def open_microphone(
    settings: MicrophoneSettings, clock: Callable[[], float] = time.monotonic, start_s: float | None = None
) -> Microphone:
    """Open what `settings.source` names: auto, a part of a PyAudio device's name, or file:PATH.

    `start_s` is for files: when, on `clock`, their first moment is due; the moment of opening when None. Raises
    DeviceError, which says what there is and what to do.
    """
    if settings.source.startswith("file:"):
        # FFmpeg takes 16 MB, and only who plays a file needs it.
        from device.sense.microphone.file import FileMicrophone

        return FileMicrophone(Path(settings.source.removeprefix("file:")).expanduser(), clock, start_s)
    return PyAudioMicrophone(settings.source, clock)

"""A microphone that a helper process has opened (device/sense/sound_helper.py): this one sees no sound server."""

import contextlib
import socket

import msgspec
import numpy as np

from device.emotions import Floats
from device.errors import DeviceError
from device.sense.microphone.portaudio import PyAudioMicrophone
from device.sense.sound_helper import BLOCK, MAX_BLOCK, Opened, SoundHelper

_WAIT_S = 0.5


class RemoteMicrophone:
    """One input device, opened, read and resampled by the helper."""

    still_is_frozen = True

    def __init__(self, helper: SoundHelper, source: str) -> None:
        """Open and start it. Raises DeviceError, which names the devices that exist."""
        self._connection, self.name = helper.open(source)
        self._connection.settimeout(_WAIT_S)
        self.overflows = 0

    def read(self) -> tuple[Floats, float] | None:
        """The next block, and when the driver delivered it; None if none came for half a second."""
        try:
            packet = self._connection.recv(MAX_BLOCK)
        except TimeoutError:
            return None
        except OSError as error:
            raise DeviceError(f"{self.name}: its helper ended ({error.strerror})") from error
        if not packet:
            raise DeviceError(f"{self.name}: the microphone stopped; plug it in again")
        end_s, self.overflows = BLOCK.unpack_from(packet)
        samples = np.frombuffer(packet, np.float32, offset=BLOCK.size)
        return (samples, end_s) if len(samples) else None

    def close(self) -> None:
        """Close the connection, which ends the worker."""
        self._connection.close()


def serve(connection: socket.socket, source: str) -> None:
    """The helper's side: open the microphone, and send what it hears until `sense` closes the connection."""
    # OSError: sense has closed the connection. DeviceError: this end is closed, and sense opens the microphone again.
    with contextlib.suppress(OSError, DeviceError):
        try:
            microphone = PyAudioMicrophone(source)
        except DeviceError as error:
            connection.sendall(msgspec.json.encode(Opened(error=str(error))))
            return
        connection.sendall(msgspec.json.encode(Opened(microphone.name)))
        while True:
            # Without a block it sends an empty one, and so it notices that sense has closed the connection.
            samples, end_s = microphone.read() or (np.zeros(0, np.float32), 0.0)
            connection.sendall(BLOCK.pack(end_s, microphone.overflows) + samples.astype(np.float32).tobytes())

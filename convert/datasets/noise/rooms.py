"""Impulse responses of rooms, small speakers and a telephone, from rooms.zip in shared/data (FLAC, 16 kHz, mono)."""

import io
import zipfile
from pathlib import Path

import numpy as np

from convert.datasets import require_path
from device.emotions import Floats
from device.errors import MediaError

_BEFORE = 16
"""Samples kept before the direct sound, 1 ms."""
_MAX_SAMPLES = 12_000
"""Samples, 0.75 s. In a furnished room the echo after that is too weak to matter."""


def read_rooms(folder: Path) -> dict[str, Floats]:
    """Impulse responses (n,) float32 by name. Each starts just before its direct sound and has energy 1.

    Convolving a sound with one keeps its timing and, roughly, its level. Raises MediaError when the zip is missing or
    damaged.
    """
    from device.perception.media.decode import read_sound

    path = require_path(folder / "rooms.zip", "rooms")
    rooms = {}
    try:
        with zipfile.ZipFile(path) as members:
            for name in sorted(members.namelist()):
                rooms[Path(name).stem] = align_response(read_sound(io.BytesIO(members.read(name))))
    except zipfile.BadZipFile as error:
        raise MediaError(f"{path}: cannot be read as a zip ({error}); copy it again") from error
    return rooms


def align_response(response: Floats) -> Floats:
    """Cut an impulse response (n,) to start at its direct sound, the strongest sample, and scale it to energy 1."""
    direct = int(np.argmax(np.abs(response)))
    cut = response[max(direct - _BEFORE, 0) : direct + _MAX_SAMPLES].astype(np.float32)
    return np.asarray(cut / (np.sqrt(np.sum(cut**2)) + 1e-12), np.float32)

"""The `sense` of `mien bench`: the real one, before which somebody performs without end, or nobody ever comes.

What the stand-in costs is no camera's cost: it draws and speaks in threads of its own, called `stand-in`, and the
camera's and the microphone's thread only fetch.
"""

import queue
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from device.sense import simulator
from device.sense.process import run_sense
from device.sense.simulator import SCRIPT, Scene
from device.settings.load import load
from device.system.threads import name_this_thread

SCRIPTS = {
    "somebody": tuple(Scene(act.emotion, act.seconds) for act in SCRIPT if act.emotion is not None),
    "nobody": (Scene(None, 3600.0),),
}
_WAIT_S = 1.0


class _Device(Protocol):
    name: str

    def read(self) -> object: ...


class Aside:
    """A camera or microphone whose reading is done in another thread."""

    still_is_frozen = True
    overflows = 0

    def __init__(self, device: _Device) -> None:
        self._device, self.name = device, device.name
        self._read: queue.Queue[object] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        threading.Thread(target=self._play, name="stand-in", daemon=True).start()

    def read(self) -> object:
        """What the performer has made: a frame, or a block of sound; None when it took too long."""
        try:
            return self._read.get(timeout=_WAIT_S)
        except queue.Empty:
            return None

    def close(self) -> None:
        """End the performance."""
        self._closed.set()

    def _play(self) -> None:
        name_this_thread("stand-in")
        while not self._closed.is_set():
            made = self._device.read()
            while not self._closed.is_set():
                try:
                    self._read.put(made, timeout=_WAIT_S)
                    break
                except queue.Full:
                    continue


def play(script: tuple[Scene, ...], settings: Path) -> int:
    """Run `sense` with the settings in a file, and `script` for what the stand-in performs."""

    def aside(made: Callable[..., _Device]) -> Callable[..., Aside]:
        return lambda *given: Aside(made(*given, script=script))

    for name in ("StandInCamera", "StandInMicrophone"):
        setattr(simulator, name, aside(getattr(simulator, name)))
    return run_sense(load(settings), settings)


if __name__ == "__main__":
    sys.exit(play(SCRIPTS[sys.argv[1]], Path(sys.argv[2])))

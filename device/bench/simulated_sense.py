"""The `sense` of `mien bench`: the real one with a simulated camera and microphone, showing somebody or nobody.

The cost of the simulator is not the cost of a camera. It therefore draws and speaks in threads of its own, named
`stand-in`, and the camera and microphone threads only fetch the results.
"""

import contextlib
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
    "somebody": tuple(Scene(scene.emotion, scene.seconds) for scene in SCRIPT if scene.emotion is not None),
    "nobody": (Scene(None, 3600.0),),
}


class _Device(Protocol):
    name: str

    def read(self) -> object: ...


class BackgroundDevice:
    """A camera or microphone that is read in a thread of its own."""

    still_is_frozen = True
    overflows = 0

    def __init__(self, device: _Device, wait_s: float = 1.0) -> None:
        """`wait_s`: how long `read` waits."""
        self._device, self.name, self._wait_s = device, device.name, wait_s
        self._results: queue.Queue[object] = queue.Queue(maxsize=1)
        self._closed = threading.Event()
        threading.Thread(target=self._read_forever, name="stand-in", daemon=True).start()

    def read(self) -> object:
        """The next frame or block of sound; None if it takes too long."""
        with contextlib.suppress(queue.Empty):
            return self._results.get(timeout=self._wait_s)
        return None

    def close(self) -> None:
        """End the thread."""
        self._closed.set()

    def _read_forever(self) -> None:
        name_this_thread("stand-in")
        while not self._closed.is_set():
            result = self._device.read()
            while not self._closed.is_set():
                with contextlib.suppress(queue.Full):
                    self._results.put(result, timeout=self._wait_s)
                    break


def run(script: tuple[Scene, ...], settings: Path) -> int:
    """Run `sense` with the settings in a file, and a simulator that follows `script`."""

    def in_background(make: Callable[..., _Device]) -> Callable[..., BackgroundDevice]:
        return lambda *arguments: BackgroundDevice(make(*arguments, script=script))

    for name in ("SimulatedCamera", "SimulatedMicrophone"):
        setattr(simulator, name, in_background(getattr(simulator, name)))
    return run_sense(load(settings), settings)


if __name__ == "__main__":
    sys.exit(run(SCRIPTS[sys.argv[1]], Path(sys.argv[2])))

"""Switches that somebody has thrown and that `sense` has not stored yet. `sense` gets them first when it connects.

Only what closes a sense is kept. What opens one is refused while `sense` is away: nobody expects a camera to open hours
after the button was pressed.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable
from pathlib import Path

from device.ipc.messages import SWITCHES_STAGE, Health, SetSwitch, Switch
from device.system.state_file import StateFile

_log = logging.getLogger(__name__)

FILE_NAME = "pending_switches.json"
CONFIRM_S = 0.6
"""Sense reports its switches at least twice within this."""
_SETTLED_S = 1.0
"""A Health that sense sent before it received the command can show the wanted value by chance; later ones cannot."""
_DAMAGED = {Switch.PAUSE: True}
"""It may have said that the camera is off."""


def closes(command: SetSwitch) -> bool:
    """Whether the command closes a sense."""
    return command.on is (command.switch is Switch.PAUSE)


class PendingSwitches:
    """The switches, in memory and, where sense does not confirm them, on the disk.

    If the state folder takes no file, the runtime folder does: it is in memory, so it outlives every process, but no
    power cut.
    """

    def __init__(self, state_dir: Path, runtime_dir: Path, clock: Callable[[], float] = time.monotonic) -> None:
        consequence = "everything is paused until it is switched on again"
        self._files = [
            StateFile(folder / FILE_NAME, dict[Switch, bool], consequence) for folder in (state_dir, runtime_dir)
        ]
        self._clock = clock
        self._lock = asyncio.Lock()
        self._kept = dict[Switch, bool]()
        """What the files contain."""
        for file in self._files:
            self._kept |= file.load({}, damaged=_DAMAGED)
        self._pending = dict(self._kept)
        self._sent_s = dict.fromkeys(self._pending, clock())
        self._confirmed = asyncio.Event()

    def commands(self) -> list[SetSwitch]:
        """What sense has to do before it opens a device."""
        return [SetSwitch(switch, on) for switch, on in self._pending.items()]

    def add(self, command: SetSwitch) -> None:
        """Remember a command that is being sent. One that opens a sense takes back the one that closed it."""
        self._pending.pop(command.switch, None)
        if closes(command):
            self._pending[command.switch] = command.on
            self._sent_s[command.switch] = self._clock()
            self._confirmed.clear()

    def confirm(self, health: Health) -> bool:
        """Drop what sense has stored. Returns whether the files are out of date now."""
        shown = {
            Switch.CAMERA: health.camera_on,
            Switch.MICROPHONE: health.microphone_on,
            Switch.PAUSE: health.paused,
        }
        is_stored = SWITCHES_STAGE not in health.stages
        if is_stored and all(shown[switch] is on for switch, on in self._pending.items()):
            self._confirmed.set()
            now_s = self._clock()
            settled = [switch for switch in self._pending if now_s - self._sent_s[switch] > _SETTLED_S]
            for switch in settled:
                del self._pending[switch]
        return self._still_kept() != self._kept

    async def wait(self) -> bool:
        """Wait up to CONFIRM_S. Returns whether sense has stored every switch."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONFIRM_S):
                await self._confirmed.wait()
        return self._confirmed.is_set()

    async def store(self) -> None:
        """Write what is pending to the disk. Raises OSError if neither folder takes it."""
        await self._update(lambda: dict(self._pending))

    async def tidy(self) -> None:
        """Remove from the disk what is not pending any more. Raises OSError."""
        await self._update(self._still_kept)

    def _still_kept(self) -> dict[Switch, bool]:
        return {switch: on for switch, on in self._kept.items() if self._pending.get(switch) is on}

    async def _update(self, select: Callable[[], dict[Switch, bool]]) -> None:
        async with self._lock:
            wanted = select()
            if wanted != self._kept:
                await asyncio.to_thread(self._write, wanted)

    def _write(self, pending: dict[Switch, bool]) -> None:
        on_disk, in_memory = self._files
        if not pending:
            in_memory.remove()
            on_disk.remove()
        else:
            try:
                on_disk.save(pending)
            except OSError as error:
                _log.warning("%s: cannot be written (%s); kept until a power cut only", on_disk.path, error)
                in_memory.save(pending)
            else:
                in_memory.remove()
        self._kept = pending

"""Which senses are on, and how calm: kept over a restart and a reboot, since off means off."""

import logging
from pathlib import Path
from typing import Annotated

import msgspec

from device.ipc.messages import Switch

_log = logging.getLogger(__name__)


class Switches(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the people in the room have chosen."""

    camera: bool = True
    microphone: bool = True
    pause: bool = False
    hold_s: Annotated[float, msgspec.Meta(ge=0, le=3600)] | None = None
    """How long a mood stays at least; None: as the settings say."""

    @property
    def sees(self) -> bool:
        """Whether the camera may be open."""
        return self.camera and not self.pause

    @property
    def hears(self) -> bool:
        """Whether the microphone may be open."""
        return self.microphone and not self.pause

    def after(self, order: Switch, *, on: bool) -> "Switches":
        """The switches with one of them set."""
        return msgspec.structs.replace(self, **{order.value: on})


def load(path: Path) -> Switches:
    """The kept switches; all on where none were kept yet, all paused where the file cannot be trusted."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Switches)
    except FileNotFoundError:
        return Switches()
    except (OSError, msgspec.DecodeError) as error:
        # Somebody may have switched the camera off in the lost file: to see nothing is the mistake that harms nobody.
        _log.warning("%s: cannot be read (%s); paused until it is switched on again", path, error)
        return Switches(pause=True)

"""What every check of `mien doctor` is given."""

from dataclasses import dataclass
from typing import Any

from device.settings.schema import Settings


@dataclass(frozen=True)
class Context:
    """The settings (the defaults if the file is broken), and what the running hub says."""

    settings: Settings
    hub_state: Any = None
    """JSON of /api/state; None when no hub answers."""

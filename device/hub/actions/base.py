"""What every destination implements, and the trigger that each action runs with."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol, TypeGuard, TypeVar

from msgspec import Struct

from device.hub.actions.restore.previous_state import PreviousState
from device.hub.actions.transport.http import Http
from device.hub.mqtt.session import MqttSession
from device.hub.state.snapshot import format_iso
from device.readings import Mood
from device.settings.schema import Settings


class Trigger(Struct, frozen=True):
    """One firing of a rule."""

    rule: str
    why: str
    """For a person: `sad 71 % for 5 s`."""
    time_utc_s: float
    """Seconds of UTC since 1970."""
    mood: Mood | None = None
    """None when nobody is there."""

    def as_json(self) -> dict[str, Any]:
        """`rule`, `why`, `time` (ISO 8601 in UTC) and `mood`, null or with every probability by name."""
        mood = self.mood.as_json(4, with_people=True) if self.mood else None
        return {"rule": self.rule, "why": self.why, "time": format_iso(self.time_utc_s), "mood": mood}


_A_contra = TypeVar("_A_contra", contravariant=True)

ACTION_S = 21.0
"""Time limit of an action with all its attempts. Capturing the previous state may take a third of it."""
DONE = "done"
NOT_RESTORED = "not restored"
"""The target stays in the ledger, to be tried again."""


class LastState:
    """A destination that remembers its last action for the page."""

    _state: Mapping[str, Any] = MappingProxyType({})

    def state(self) -> dict[str, Any]:
        """The state after the last action; empty before the first."""
        return dict(self._state)


class Destination(Protocol[_A_contra]):
    """Something that an action can control."""

    async def run(self, action: _A_contra, trigger: Trigger, /) -> str | None:
        """Carry it out; returns a note about a minor problem, if any. Raises ActionError: what, where, what to do."""

    def state(self) -> dict[str, Any]:
        """The state after the last action, for the page; empty when it is not known."""


class Restorable(Protocol[_A_contra]):
    """A destination that can report its state and return to it."""

    previous_type: Any
    """The type of `PreviousState.details`, to read it from the disk after a restart. None: the target starts anew."""

    async def capture_state(self, action: _A_contra, /) -> tuple[PreviousState, ...]:
        """The present state of everything `action` would change; empty if it cannot be restored. Raises ActionError."""

    async def restore(self, previous: PreviousState, /) -> str | None:
        """Restore the state; returns a note as `run` does. Raises ActionError."""


def is_restorable(destination: Destination[Any] | None) -> TypeGuard[Restorable[Any]]:
    """Whether there is a destination, with the code to restore a state."""
    return hasattr(destination, "capture_state") and hasattr(destination, "restore")


class Resources(Struct, frozen=True):
    """What destinations are built with. Each module has a `build(resources)` that returns them by type of action."""

    settings: Settings
    http: Http
    mqtt: MqttSession | None
    """None if no broker is configured."""
    on_lamp: Callable[[dict[str, Any]], None]
    on_player: Callable[[dict[str, Any]], None]

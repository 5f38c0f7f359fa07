"""Why an action runs, and how the room feels then: what a webhook and a command are told."""

from typing import Any, Protocol, TypeVar, runtime_checkable

from msgspec import Struct

from device.hub.actions.restore.previous_state import PreviousState
from device.hub.state.snapshot import iso
from device.readings import Mood


class Trigger(Struct, frozen=True):
    """One firing of a rule."""

    rule: str
    """Its name."""
    why: str
    """For a person: `sad 71 % for 5 s`."""
    time_utc_s: float
    """Seconds of UTC since 1970."""
    mood: Mood | None = None
    """None where nobody is there."""

    def as_json(self) -> dict[str, Any]:
        """`rule`, `why`, `time` (ISO 8601 in UTC) and `mood`, null or with every probability by name."""
        mood = self.mood.as_json(4, with_people=True) if self.mood else None
        return {"rule": self.rule, "why": self.why, "time": iso(self.time_utc_s), "mood": mood}


_A_contra = TypeVar("_A_contra", contravariant=True)

ACTION_S = 21.0
"""An action that is not through by then, with all its tries, has failed; a third of it to learn what was before."""
DONE = "done"
NOT_BACK = "not brought back"
"""Of a target that stays held, for the next time."""


class Destination(Protocol[_A_contra]):
    """Something that a mood can drive."""

    async def run(self, action: _A_contra, occasion: Trigger, /) -> str | None:
        """Carry it out; a note on what did not matter enough to fail. Raises ActionError: what, where, what to do."""

    def state(self) -> dict[str, Any]:
        """What it became, for the page; empty when that is not known."""


@runtime_checkable
class Restorable(Protocol[_A_contra]):
    """A destination that can tell what it was, and be that again."""

    async def former(self, action: _A_contra, /) -> tuple[PreviousState, ...]:
        """How all that `action` would change is now; empty where that cannot be brought back. Raises ActionError."""

    async def restore(self, former: PreviousState, /) -> str | None:
        """Make it what it was; a note as that of `run`. Raises ActionError."""

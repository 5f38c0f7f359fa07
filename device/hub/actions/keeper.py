"""Who holds what: the former states that rules will bring back, one a target."""

import time
from collections.abc import Callable, Collection, Iterable

from msgspec import Struct

from device.destinations import Action
from device.hub.actions.former import Former, Look, agrees


class Held(Struct, eq=False):
    """The former state of one target, in the hands of one rule."""

    rule: str
    action: Action
    """The one that changed the target last, of those that are to be undone."""
    former: Former
    """`was` is what it was before the first of them."""
    expected: Look
    """What it is, unless somebody else has changed it since."""
    settled_s: float | None = None
    """From then on it can be compared; None while the action is under way."""
    at_utc_s: float | None = None
    """When the action began, and then, when it was over; None where an older hub wrote it down."""


class Keeper:
    """At most one former state a target: who acts on it later takes over what was before all."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        held: Iterable[Held] = (),
        changed: Callable[[Iterable[Held]], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """With what was `held` before a restart; `changed` hears what is now. `wall` goes on while there is no hub."""
        self._clock = clock
        self._wall = wall
        self._held = {one.former.target: one for one in held}
        self._changed = changed
        for one in self._held.values():
            one.settled_s = clock() + self._left_s(one)

    def take(self, rule: str, action: Action, formers: Iterable[Former]) -> list[Held]:
        """`rule` is about to run `action`, and its targets are now as `formers` say.

        What another action of ours changed, and nobody else since, passes on with what it was before that one.
        """
        taken = []
        for new in formers:
            older, former, base = self._held.get(new.target), new, new.was
            if older and self.untouched(older, new.was):
                former = Former(new.target, older.former.was, new.asked, new.alone, new.settle_s, older.former.more)
                base = older.expected
            held = Held(rule, action, former, new.expected(base), at_utc_s=self._wall())
            self._held[new.target] = held
            taken.append(held)
        if taken:
            self._changed(self._held.values())
        return taken

    def acted(self, taken: Collection[Held]) -> None:
        """Their action is over, well or not."""
        for held in taken:
            held.settled_s = self._clock() + held.former.settle_s
            held.at_utc_s = self._wall()
        # Written down for a hub that begins while a lamp still fades.
        if any(held.former.settle_s and self.holds(held) for held in taken):
            self._changed(self._held.values())

    def _left_s(self, held: Held) -> float:
        """What is left, after a restart, until it can be compared. A clock that jumped back makes it no longer."""
        if held.at_utc_s is None:
            return 0.0
        whole_s = held.former.settle_s
        return min(max(held.at_utc_s + whole_s - self._wall(), 0.0), whole_s)

    def settled(self, held: Held) -> bool:
        """Whether what the target says of itself can be relied on."""
        return held.settled_s is not None and self._clock() >= held.settled_s

    def untouched(self, held: Held, now: Look) -> bool:
        """Whether nobody else has changed the target; while that cannot be told, nobody has."""
        return not self.settled(held) or agrees(held.expected, now)

    @property
    def rules(self) -> list[str]:
        """Who holds anything, each once."""
        return list(dict.fromkeys(held.rule for held in self._held.values()))

    def actions(self, rule: str) -> list[Action]:
        """Those that `rule` can undo, each once."""
        found: list[Action] = []
        for held in self._held.values():
            if held.rule == rule and held.action not in found:
                found.append(held.action)
        return found

    def of(self, rule: str, action: Action) -> list[Held]:
        """What `action` of `rule` holds: several where it is a group of lights."""
        return [held for held in self._held.values() if held.rule == rule and held.action == action]

    def holds(self, held: Held) -> bool:
        """Whether nobody has taken it over in the meantime."""
        return self._held.get(held.former.target) is held

    def drop(self, held: Held) -> None:
        """It was brought back, or is not ours any more."""
        if self.holds(held):
            del self._held[held.former.target]
            self._changed(self._held.values())

"""Who holds what: the former states that rules will bring back, one a target."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Collection, Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from device.hub.actions.mpd import Queue
from device.hub.actions.restore.previous_state import Look, PreviousState, matches
from device.hub.actions.wled import State
from device.settings.actions import Action, Lamp, Music, Player, Wled
from device.system.state_file import keep


class RestoreEntry(Struct, eq=False):
    """The former state of one target, in the hands of one rule."""

    rule: str
    action: Action
    """The one that changed the target last, of those that are to be undone."""
    former: PreviousState
    """`was` is what it was before the first of them."""
    expected: Look
    """What it is, unless somebody else has changed it since."""
    settled_s: float | None = None
    """From then on it can be compared; None while the action is under way."""
    at_utc_s: float | None = None
    """When the action began, and then, when it was over; None where an older hub wrote it down."""


class RestoreLedger:
    """At most one former state a target: who acts on it later takes over what was before all."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        held: Iterable[RestoreEntry] = (),
        changed: Callable[[Iterable[RestoreEntry]], None] = lambda _: None,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """With what was `held` before a restart; `changed` hears what is now. `wall` goes on while there is no hub."""
        self._clock = clock
        self._wall = wall
        self._held = {one.former.target: one for one in held}
        self._changed = changed
        for one in self._held.values():
            one.settled_s = clock() + self._left_s(one)

    def take(self, rule: str, action: Action, formers: Iterable[PreviousState]) -> list[RestoreEntry]:
        """`rule` is about to run `action`, and its targets are now as `formers` say.

        What another action of ours changed, and nobody else since, passes on with what it was before that one.
        """
        taken = []
        for new in formers:
            older, former, base = self._held.get(new.target), new, new.was
            if older and self.untouched(older, new.was):
                former = PreviousState(
                    new.target, older.former.was, new.asked, new.alone, new.settle_s, older.former.more
                )
                base = older.expected
            held = RestoreEntry(rule, action, former, new.expected(base), at_utc_s=self._wall())
            self._held[new.target] = held
            taken.append(held)
        if taken:
            self._changed(self._held.values())
        return taken

    def acted(self, taken: Collection[RestoreEntry]) -> None:
        """Their action is over, well or not."""
        for held in taken:
            held.settled_s = self._clock() + held.former.settle_s
            held.at_utc_s = self._wall()
        # Written down for a hub that begins while a lamp still fades.
        if any(held.former.settle_s and self.holds(held) for held in taken):
            self._changed(self._held.values())

    def _left_s(self, held: RestoreEntry) -> float:
        """What is left, after a restart, until it can be compared. A clock that jumped back makes it no longer."""
        if held.at_utc_s is None:
            return 0.0
        whole_s = held.former.settle_s
        return min(max(held.at_utc_s + whole_s - self._wall(), 0.0), whole_s)

    def settled(self, held: RestoreEntry) -> bool:
        """Whether what the target says of itself can be relied on."""
        return held.settled_s is not None and self._clock() >= held.settled_s

    def untouched(self, held: RestoreEntry, now: Look) -> bool:
        """Whether nobody else has changed the target; while that cannot be told, nobody has."""
        return not self.settled(held) or matches(held.expected, now)

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

    def of(self, rule: str, action: Action) -> list[RestoreEntry]:
        """What `action` of `rule` holds: several where it is a group of lights."""
        return [held for held in self._held.values() if held.rule == rule and held.action == action]

    def holds(self, held: RestoreEntry) -> bool:
        """Whether nobody has taken it over in the meantime."""
        return self._held.get(held.former.target) is held

    def drop(self, held: RestoreEntry) -> None:
        """It was brought back, or is not ours any more."""
        if self.holds(held):
            del self._held[held.former.target]
            self._changed(self._held.values())


_log = logging.getLogger(__name__)

FILE_NAME = "held.json"
_MAX_BYTES = 16_777_216
_MORE: dict[type[Any], type[Any]] = {Wled: State, Music: Queue}
"""What `Former.more` is; else whatever JSON holds."""
_VIRTUAL = (Lamp, Player)
"""They begin anew with the hub."""


class _Entry(Struct, frozen=True):
    """One `RestoreEntry`, without the moment when it is settled, which is of a clock that ends with the hub."""

    rule: str
    action: Action
    target: str
    was: Look
    asked: Look
    alone: bool
    settle_s: float
    more: Raw
    expected: Look
    at_utc_s: float | None = None


class _Document(Struct, frozen=True):
    """What is on the disk. A damaged look would be sent to a lamp, so that nothing damaged is taken."""

    held: Raw
    sha256: str


class LedgerFile:
    """One file in the state folder. The last of several versions that come while one is written is the next."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE_NAME
        self._next: bytes | None = None
        self._writing: asyncio.Task[None] | None = None

    def load(self) -> list[RestoreEntry]:
        """What was held when the last hub ended; nothing where there is no file, or one that is not to be used."""
        try:
            with self._path.open("rb") as file:
                raw = file.read(_MAX_BYTES)
            document = msgspec.json.decode(raw, type=_Document)
            if hashlib.sha256(document.held).hexdigest() != document.sha256:
                raise ValueError("it is damaged")
            return [_held(entry) for entry in msgspec.json.decode(document.held, type=list[_Entry])]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, RecursionError) as error:
            _log.warning("%s: cannot be read (%s); what rules had changed stays as it is", self._path, error)
            return []

    def put(self, held: Iterable[RestoreEntry]) -> None:
        """Write what is held now, beside the story: a slow disk holds up no lamp."""
        self._next = msgspec.json.encode([_entry(one) for one in held if not isinstance(one.action, _VIRTUAL)])
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Wait until the last is written."""
        if self._writing:
            await self._writing

    async def _write(self) -> None:
        while (held := self._next) is not None:
            self._next = None
            document = _Document(Raw(held), hashlib.sha256(held).hexdigest())
            try:
                await asyncio.to_thread(keep, self._path, document)
            except OSError as error:
                _log.warning("%s: what rules hold cannot be kept over a power cut (%s)", self._path, error)


def _entry(held: RestoreEntry) -> _Entry:
    former = held.former
    was, asked, expected = (_packed(look) for look in (former.was, former.asked, held.expected))
    more = Raw(msgspec.json.encode(former.more))
    how = former.alone, former.settle_s
    return _Entry(held.rule, held.action, former.target, was, asked, *how, more, expected, held.at_utc_s)


def _held(entry: _Entry) -> RestoreEntry:
    was, asked, expected = (_unpacked(look) for look in (entry.was, entry.asked, entry.expected))
    more = msgspec.json.decode(entry.more, type=_MORE.get(type(entry.action), Any))
    former = PreviousState(entry.target, was, asked, entry.alone, entry.settle_s, more)
    return RestoreEntry(entry.rule, entry.action, former, expected, at_utc_s=entry.at_utc_s)


def _packed(look: Look) -> Look:
    """JSON knows no tuple and no set; a look holds no dict of its own."""
    packs = (tuple, frozenset)
    return {
        name: {type(value).__name__: [*value]} if isinstance(value, packs) else value for name, value in look.items()
    }


def _unpacked(look: Look) -> Look:
    return {name: _value(value) for name, value in look.items()}


def _value(value: Any) -> Any:  # noqa: ANN401 - a look holds values of any kind
    match value:
        case {"tuple": [*items]}:
            return tuple(items)
        case {"frozenset": [*items]}:
            return frozenset(items)
    return value

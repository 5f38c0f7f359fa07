"""The restore ledger: for each target that a rule changed, the state to restore; in memory and in a file."""

import asyncio
import hashlib
import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct
from msgspec.structs import replace

from device.hub.actions.restore.previous_state import PreviousState, TargetState, matches
from device.settings.actions.base import Action
from device.settings.actions.registry import AnyAction
from device.system.state_file import StateFile

_log = logging.getLogger(__name__)


class RestoreEntry(Struct, eq=False):
    """The previous state of one target, owned by one rule."""

    rule: str
    action: Action
    """The last action that changed the target, of those to be undone."""
    previous: PreviousState
    """Its `state` is from before the first of those actions."""
    expected: TargetState
    """The target's state as long as nobody else changes it."""
    settled_at_s: float | None = None
    """When the target can be compared with `expected`; None while the action runs."""
    at_utc_s: float | None = None
    """When the action began, and later, when it ended; None in a file of an older version."""


class RestoreLedger:
    """At most one entry a target: a later rule that changes it takes over the state from before all rules."""

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        entries: Iterable[RestoreEntry] = (),
        on_change: Callable[[Iterable[RestoreEntry]], None] = lambda _: None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`entries` are those from before a restart; `on_change` gets all entries after each change.

        `wall_clock` bridges the time in which no hub ran.
        """
        self._clock = clock
        self._wall_clock = wall_clock
        self._entries = {entry.previous.target: entry for entry in entries}
        self._on_change = on_change
        for entry in self._entries.values():
            settle_s = entry.previous.settle_s
            left_s = 0.0 if entry.at_utc_s is None else max(entry.at_utc_s + settle_s - wall_clock(), 0.0)
            entry.settled_at_s = clock() + min(left_s, settle_s)  # not later where the wall clock jumped back

    def record(self, rule: str, action: Action, states: Iterable[PreviousState]) -> list[RestoreEntry]:
        """Record that `rule` is about to run `action` on targets that are now in these states.

        A target that an earlier action of ours changed, and nobody else since, keeps the state from before that one.
        """
        recorded = []
        for new in states:
            older, previous, now = self._entries.get(new.target), new, new.state
            if older and self.is_untouched(older, new.state):
                previous = replace(new, state=older.previous.state, details=older.previous.details)
                now = older.expected
            entry = RestoreEntry(rule, action, previous, new.predict(now), at_utc_s=self._wall_clock())
            self._entries[new.target] = entry
            recorded.append(entry)
        if recorded:
            self._on_change(self._entries.values())
        return recorded

    def mark_finished(self, recorded: Collection[RestoreEntry]) -> None:
        """Their action has ended, successfully or not."""
        for entry in recorded:
            entry.settled_at_s = self._clock() + entry.previous.settle_s
            entry.at_utc_s = self._wall_clock()
        # Saved for a hub that starts while a lamp still fades.
        if any(entry.previous.settle_s and self.contains(entry) for entry in recorded):
            self._on_change(self._entries.values())

    def is_settled(self, entry: RestoreEntry) -> bool:
        """Whether the target's report can be relied on."""
        return entry.settled_at_s is not None and self._clock() >= entry.settled_at_s

    def is_untouched(self, entry: RestoreEntry, now: TargetState) -> bool:
        """Whether nobody else has changed the target. True while it has not settled."""
        return not self.is_settled(entry) or matches(entry.expected, now)

    @property
    def rules(self) -> list[str]:
        """The rules with an entry, without duplicates."""
        return list(dict.fromkeys(entry.rule for entry in self._entries.values()))

    def actions(self, rule: str) -> list[Action]:
        """The actions that can be undone for `rule`, without duplicates."""
        found: list[Action] = []
        for entry in self._entries.values():
            if entry.rule == rule and entry.action not in found:
                found.append(entry.action)
        return found

    def entries(self, rule: str, action: Action) -> list[RestoreEntry]:
        """The entries of one action: several for a group of lights."""
        return [entry for entry in self._entries.values() if entry.rule == rule and entry.action == action]

    def contains(self, entry: RestoreEntry) -> bool:
        """False once another rule has taken the target over."""
        return self._entries.get(entry.previous.target) is entry

    def remove(self, entry: RestoreEntry) -> None:
        """The target was restored, or somebody else has changed it."""
        if self.contains(entry):
            del self._entries[entry.previous.target]
            self._on_change(self._entries.values())


FILE_NAME = "held.json"
_KEYS = {"state": "was", "requested": "asked", "is_complete": "alone", "details": "more"}
"""The keys in the file, which older versions wrote."""


class _StoredEntry(Struct, frozen=True, rename=_KEYS):
    """A `RestoreEntry` in the file. Without `settled_at_s`: the monotonic clock ends with the process."""

    rule: str
    action: AnyAction
    target: str
    state: TargetState
    requested: TargetState
    is_complete: bool
    settle_s: float
    details: Raw
    expected: TargetState
    at_utc_s: float | None = None


class _Document(Struct, frozen=True, rename={"entries": "held"}):
    """The file. A damaged state would be sent to a lamp, so the hash is checked."""

    entries: Raw
    sha256: str

    def __post_init__(self) -> None:
        if hashlib.sha256(self.entries).hexdigest() != self.sha256:
            raise ValueError("it is damaged")


class LedgerFile:
    """One file in the state folder. Of several versions that arrive during a write, only the last is written next."""

    def __init__(self, state_dir: Path, previous_types: Mapping[type[Action], Any]) -> None:
        """`previous_types`: the type of `PreviousState.details` for each type of action; others are not written."""
        consequence = "what rules had changed stays as it is"
        self._file = StateFile(state_dir / FILE_NAME, _Document, consequence, max_bytes=16_777_216)
        self._previous_types = previous_types
        self._next: bytes | None = None
        self._writing: asyncio.Task[None] | None = None

    def load(self) -> list[RestoreEntry]:
        """The entries of the last run; empty if there is no file or it cannot be used."""
        document = self._file.load(None)
        try:
            stored = msgspec.json.decode(document.entries, type=list[_StoredEntry]) if document else []
            return [self._from_stored(one) for one in stored]
        except (ValueError, TypeError, RecursionError) as error:  # a newer Mien wrote it
            self._file.warn(error)
            return []

    def save(self, entries: Iterable[RestoreEntry]) -> None:
        """Write the entries in the background: a slow disk must not delay a lamp."""
        written = [_to_stored(entry) for entry in entries if type(entry.action) in self._previous_types]
        self._next = msgspec.json.encode(written)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write())

    async def close(self) -> None:
        """Wait until the last version is written."""
        if self._writing:
            await self._writing

    async def _write(self) -> None:
        while (entries := self._next) is not None:
            self._next = None
            document = _Document(Raw(entries), hashlib.sha256(entries).hexdigest())
            try:
                await asyncio.to_thread(self._file.save, document)
            except OSError as error:
                _log.warning("%s: cannot be written, a power cut would lose it (%s)", self._file.path, error)

    def _from_stored(self, stored: _StoredEntry) -> RestoreEntry:
        details_type = self._previous_types.get(type(stored.action), Any)
        previous = PreviousState(
            target=stored.target,
            state=_unpack(stored.state),
            requested=_unpack(stored.requested),
            is_complete=stored.is_complete,
            settle_s=stored.settle_s,
            details=msgspec.json.decode(stored.details, type=details_type),
        )
        expected = _unpack(stored.expected)
        return RestoreEntry(stored.rule, stored.action, previous, expected, at_utc_s=stored.at_utc_s)


def _to_stored(entry: RestoreEntry) -> _StoredEntry:
    previous = entry.previous
    return _StoredEntry(
        rule=entry.rule,
        action=entry.action,
        target=previous.target,
        state=_pack(previous.state),
        requested=_pack(previous.requested),
        is_complete=previous.is_complete,
        settle_s=previous.settle_s,
        details=Raw(msgspec.json.encode(previous.details)),
        expected=_pack(entry.expected),
        at_utc_s=entry.at_utc_s,
    )


def _pack(state: TargetState) -> TargetState:
    """Replace tuples and sets, which JSON lacks, by a dict with the type's name. A state has no other dicts."""
    return {
        name: {type(value).__name__: [*value]} if isinstance(value, tuple | frozenset) else value
        for name, value in state.items()
    }


def _unpack(state: TargetState) -> TargetState:
    unpacked = dict(state)
    for name, value in state.items():
        match value:
            case {"tuple": [*items]}:
                unpacked[name] = tuple(items)
            case {"frozenset": [*items]}:
                unpacked[name] = frozenset(items)
    return unpacked

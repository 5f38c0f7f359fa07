"""What rules hold, kept in a file: a hub that was killed, or lost its power, can still bring it back."""

import asyncio
import hashlib
import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Raw, Struct

from device.destinations import Action, Lamp, Music, Player, Wled
from device.hub.actions.former import Former, Look
from device.hub.actions.keeper import Held
from device.hub.actions.mpd_queue import Queue
from device.hub.actions.wled import State
from device.kept import keep

_log = logging.getLogger(__name__)

FILE_NAME = "held.json"
_MOST_BYTES = 16_777_216
_MORE: dict[type[Any], type[Any]] = {Wled: State, Music: Queue}
"""What `Former.more` is; else whatever JSON holds."""
_VIRTUAL = (Lamp, Player)
"""They begin anew with the hub."""


class _Entry(Struct, frozen=True):
    """One `Held`, without the moment when it is settled, which is of a clock that ends with the hub."""

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


class HeldFile:
    """One file in the state folder. The last of several versions that come while one is written is the next."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE_NAME
        self._next: bytes | None = None
        self._writing: asyncio.Task[None] | None = None

    def load(self) -> list[Held]:
        """What was held when the last hub ended; nothing where there is no file, or one that is not to be used."""
        try:
            with self._path.open("rb") as file:
                raw = file.read(_MOST_BYTES)
            document = msgspec.json.decode(raw, type=_Document)
            if hashlib.sha256(document.held).hexdigest() != document.sha256:
                raise ValueError("it is damaged")
            return [_held(entry) for entry in msgspec.json.decode(document.held, type=list[_Entry])]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, TypeError, RecursionError) as error:
            _log.warning("%s: cannot be read (%s); what rules had changed stays as it is", self._path, error)
            return []

    def put(self, held: Iterable[Held]) -> None:
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


def _entry(held: Held) -> _Entry:
    former = held.former
    was, asked, expected = (_packed(look) for look in (former.was, former.asked, held.expected))
    more = Raw(msgspec.json.encode(former.more))
    how = former.alone, former.settle_s
    return _Entry(held.rule, held.action, former.target, was, asked, *how, more, expected, held.at_utc_s)


def _held(entry: _Entry) -> Held:
    was, asked, expected = (_unpacked(look) for look in (entry.was, entry.asked, entry.expected))
    more = msgspec.json.decode(entry.more, type=_MORE.get(type(entry.action), Any))
    former = Former(entry.target, was, asked, entry.alone, entry.settle_s, more)
    return Held(entry.rule, entry.action, former, expected, at_utc_s=entry.at_utc_s)


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

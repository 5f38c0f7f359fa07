"""Where a rule's actions go: one file a destination, found by the type of the action."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

from device.errors import ActionError
from device.hub.actions.base import ACTION_S, DONE, NOT_BACK, Destination, Restorable, Trigger
from device.hub.actions.restore.ledger import RestoreEntry, RestoreLedger
from device.hub.actions.restore.overlap import OverlapGuard
from device.hub.actions.restore.previous_state import PreviousState
from device.hub.actions.target_queue import SupersededError, TargetQueue
from device.settings.actions import Action, Command, target_of_action

_log = logging.getLogger(__name__)
T = TypeVar("T")


class ActionDispatcher:
    """All destinations, the time limit of each action, and what is to be brought back."""

    def __init__(
        self,
        by_type: Mapping[type[Any], Destination[Any]],
        limit_s: float = ACTION_S,
        *,
        dry: bool = False,
        clock: Callable[[], float] = time.monotonic,
        keeper: RestoreLedger | None = None,
        for_s: Mapping[str, float] | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._by_type = dict(by_type)
        self._limit_s = limit_s
        self._dry = dry
        self._keeper = keeper or RestoreLedger(clock)
        self.for_s = dict(for_s or {})
        """How long each rule has to hold until it fires, by its name: after a restart, it holds nothing for so long."""
        self._faults: dict[str, str] = {}
        """The last of each kind of action, which was told: what is tried each minute is no traceback a minute."""
        self._turns = TargetQueue()
        self._crossing = OverlapGuard()
        self._close = close

    async def run(self, action: Action, occasion: Trigger, *, keep: bool = False) -> str:
        """`done`, or what went wrong, for the history. Never raises for a destination that fails.

        With `keep`, what the action changes is remembered under the rule's name, for `restore`. What another rule holds
        already passes on to this one, with what it was before both.
        """
        if self._dry:
            _log.info("dry run: %s", action.words)
            return f"dry run: {action.words}"
        destination = self._by_type.get(type(action))
        if destination is None:
            return f"{_name(action)}: nothing here takes it"

        async def work() -> str:
            return await self._carry_out(destination, action, occasion, keep=keep)

        limit_s = action.limit_s + 1 if isinstance(action, Command) else self._limit_s
        try:
            async with asyncio.timeout(limit_s):
                if target := target_of_action(action):
                    return await self._turns.take(target, occasion, work)
                return await work()
        except TimeoutError:
            result = f"{_name(action)}: no answer within {limit_s:g} s"
        except SupersededError as error:
            _log.info("%s", error)
            return str(error)
        except ActionError as error:
            result = str(error)
        _log.warning("an action failed: %s", result)
        return result

    async def restore(self, rule: str) -> list[str]:
        """Bring back all that `rule` holds: a line for each target, empty when it holds nothing. Never raises.

        What it has under way is given up. What somebody else has changed since is left alone. What fails stays held,
        for the next time.
        """
        self._turns.end(rule)
        actions = self._keeper.actions(rule)
        found = await asyncio.gather(*(self._bring_back(rule, action) for action in actions))
        return [line for lines in found for line in lines]

    @property
    def holding(self) -> list[str]:
        """The rules that have something to bring back."""
        return self._keeper.rules

    def state(self, kind: type[Any]) -> dict[str, Any]:
        """What the destination of this type of action became; empty when that is not known."""
        destination = self._by_type.get(kind)
        return destination.state() if destination else {}

    async def close(self) -> None:
        """Let go of every connection."""
        if self._close:
            await self._close()

    # -- an action

    async def _asked(self, action: Action, answer: Awaitable[T]) -> T:
        """What a destination answers. Raises ActionError for its own faults, too: what is tried again goes on."""
        try:
            return await answer
        except (ActionError, TimeoutError):
            raise
        except Exception as error:
            name, fault = _name(action), repr(error)
            if self._faults.get(name) != fault:
                self._faults[name] = fault
                _log.exception("%s: a fault in Mien", name)
            raise ActionError(f"{name}: a fault in Mien ({type(error).__name__}); the journal says more") from error

    async def _carry_out(self, destination: Destination[Any], action: Action, occasion: Trigger, *, keep: bool) -> str:
        taken, note = await self._remember(destination, action, occasion.rule) if keep else ([], "")
        try:
            said = await self._asked(action, destination.run(action, occasion))
        finally:
            self._keeper.acted(taken)
        return DONE + note + (f"; {said}" if said else "")

    async def _remember(
        self, destination: Destination[Any], action: Action, rule: str
    ) -> tuple[list[RestoreEntry], str]:
        """What is held now, and what the result has to say. An action is worth more than the way back from it."""
        if not isinstance(destination, Restorable):
            return [], ""

        async def read() -> tuple[PreviousState, ...]:
            async with asyncio.timeout(self._limit_s / 3):
                return await self._asked(action, destination.former(action))

        try:
            # Two thirds: as long as a slow one takes to be put back. The rest is for the action.
            formers = await self._crossing.read(read, self._limit_s * 2 / 3)
            return self._keeper.take(rule, action, formers), ""
        except (TimeoutError, ActionError) as error:
            why = str(error) or f"it did not say how it is within {self._limit_s / 3:g} s"
            _log.warning("%s will not be brought back: %s", action.words, why)
            return [], f"; it will not be brought back: {why}"

    # -- the way back

    async def _bring_back(self, rule: str, action: Action) -> list[str]:
        held = self._keeper.of(rule, action)
        destination = self._by_type[type(action)]
        assert isinstance(destination, Restorable)  # noqa: S101 - else nothing of it would be held

        async def work() -> list[str]:
            if not any(map(self._keeper.holds, held)):
                return []
            try:
                now = {former.target: former for former in await self._asked(action, destination.former(action))}
            except ActionError as error:
                return [_failed(one, str(error)) for one in held if self._keeper.holds(one)]
            lines = await asyncio.gather(*(self._restore(destination, one, now.get(one.former.target)) for one in held))
            return [line for line in lines if line]

        try:
            async with asyncio.timeout(self._limit_s):
                return await self._turns.take(target_of_action(action) or _name(action), None, work)
        except TimeoutError:
            why = f"no answer within {self._limit_s:g} s"
        except SupersededError as error:
            why = str(error)
        return [_failed(one, why) for one in held if self._keeper.holds(one)]

    async def _restore(self, destination: Restorable[Any], held: RestoreEntry, now: PreviousState | None) -> str:
        """One target, back to what it was; the line that says so, empty where another rule has taken it over."""
        target = held.former.target
        if not self._keeper.holds(held):
            return ""
        if now is None:
            self._keeper.drop(held)
            return f"{target}: it is not there any more"
        said = None
        as_it_was = self._keeper.settled(held) and held.former.was == now.was
        if not as_it_was:
            if not self._keeper.untouched(held, now.was):
                self._keeper.drop(held)
                return f"{target}: left alone, it was changed since"
            try:
                with self._crossing.back(target):
                    said = await self._asked(held.action, destination.restore(held.former))
            except ActionError as error:
                return _failed(held, str(error))
        self._keeper.drop(held)
        _log.info("%s is as it was before", target)
        return f"{target}: {DONE}" + (f"; {said}" if said else "")


def _failed(held: RestoreEntry, why: str) -> str:
    return f"{held.former.target}: {NOT_BACK}: {why}"


def _name(action: Action) -> str:
    return type(action).__name__.lower()

"""Sends each action of a rule to its destination, with a time limit, and restores what rules changed."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from device.errors import ActionError
from device.hub.actions.base import ACTION_S, DONE, NOT_RESTORED, Destination, Restorable, Trigger, is_restorable
from device.hub.actions.restore.ledger import RestoreEntry, RestoreLedger
from device.hub.actions.restore.overlap import OverlapGuard
from device.hub.actions.restore.previous_state import PreviousState
from device.hub.actions.target_queue import SupersededError, TargetQueue
from device.settings.actions.base import Action

_log = logging.getLogger(__name__)
T = TypeVar("T")


class ActionDispatcher:
    """All destinations, the time limit of each action, and the restore ledger."""

    def __init__(
        self,
        by_type: Mapping[type[Any], Destination[Any]],
        limit_s: float = ACTION_S,
        *,
        dry: bool = False,
        clock: Callable[[], float] = time.monotonic,
        ledger: RestoreLedger | None = None,
        for_s: Mapping[str, float] | None = None,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._by_type = dict(by_type)
        self._limit_s = limit_s
        self._dry = dry
        self._ledger = ledger or RestoreLedger(clock)
        self.for_s = dict(for_s or {})
        """How long each rule must hold before it fires, by name. After a restart it cannot fire for that long."""
        self._logged_faults: dict[str, str] = {}
        """The last fault of each kind of action: a retry every minute must not log a traceback every minute."""
        self._queue = TargetQueue()
        self._overlap = OverlapGuard()
        self._close = close

    async def run(self, action: Action, trigger: Trigger, *, remember: bool = False) -> str:
        """Carry out `action`. Returns `done` or the error, for the history; never raises when a destination fails.

        With `remember`, the previous state goes into the ledger under the rule's name, for `restore`. A target that
        another rule has changed passes to this rule, with the state from before both.
        """
        if self._dry:
            _log.info("dry run: %s", action.description)
            return f"dry run: {action.description}"
        destination = self._by_type.get(type(action))
        if destination is None:
            return f"{action.kind}: the settings name no destination for it"

        work = partial(self._run, destination, action, trigger, remember=remember)
        limit_s = self._limit_s if action.limit_s is None else action.limit_s + 1
        try:
            async with asyncio.timeout(limit_s):
                if target := action.target:
                    return await self._queue.run(target, trigger, work)
                return await work()
        except TimeoutError:
            result = f"{action.kind}: no answer within {limit_s:g} s"
        except SupersededError as error:
            _log.info("%s", error)
            return str(error)
        except ActionError as error:
            result = str(error)
        _log.warning("an action failed: %s", result)
        return result

    async def restore(self, rule: str) -> list[str]:
        """Restore all that `rule` has changed; returns a line for each target, empty if there is none. Never raises.

        Cancels the rule's unfinished actions. A target that somebody else has changed since is left alone. One that
        fails stays in the ledger, to be tried again.
        """
        self._queue.cancel_rule(rule)
        actions = self._ledger.actions(rule)
        lines = await asyncio.gather(*(self._restore_action(rule, action) for action in actions))
        return [line for some in lines for line in some]

    @property
    def rules_to_restore(self) -> list[str]:
        """The rules with something to restore."""
        return self._ledger.rules

    def state(self, kind: type[Any]) -> dict[str, Any]:
        """The state of the destination of this type of action; empty when it is not known."""
        destination = self._by_type.get(kind)
        return destination.state() if destination else {}

    async def close(self) -> None:
        """Close every connection."""
        if self._close:
            await self._close()

    async def _answer(self, action: Action, answer: Awaitable[T]) -> T:
        """Await a destination's answer. Turns a bug in its code into an ActionError, so that retries go on."""
        try:
            return await answer
        except (ActionError, TimeoutError):
            raise
        except Exception as error:
            fault = repr(error)
            if self._logged_faults.get(action.kind) != fault:
                self._logged_faults[action.kind] = fault
                _log.exception("%s: a fault in Mien", action.kind)
            kind = type(error).__name__
            raise ActionError(f"{action.kind}: a fault in Mien ({kind}); the journal says more") from error

    async def _run(self, destination: Destination[Any], action: Action, trigger: Trigger, *, remember: bool) -> str:
        recorded, problem = await self._record(destination, action, trigger.rule) if remember else ([], "")
        try:
            note = await self._answer(action, destination.run(action, trigger))
        finally:
            self._ledger.mark_finished(recorded)
        return DONE + problem + (f"; {note}" if note else "")

    async def _record(self, destination: Destination[Any], action: Action, rule: str) -> tuple[list[RestoreEntry], str]:
        """Record the previous state; on failure the action still runs, and the text says that it cannot be restored."""
        if not is_restorable(destination):
            return [], ""

        async def read() -> tuple[PreviousState, ...]:
            async with asyncio.timeout(self._limit_s / 3):
                return await self._answer(action, destination.capture_state(action))

        try:
            # Two thirds of the limit cover an overlapping slow restore; the rest is for the action.
            states = await self._overlap.capture(read, self._limit_s * 2 / 3)
            return self._ledger.record(rule, action, states), ""
        except (TimeoutError, ActionError) as error:
            why = str(error) or f"it did not report its state within {self._limit_s / 3:g} s"
            _log.warning("%s cannot be restored later: %s", action.description, why)
            return [], f"; it cannot be restored later: {why}"

    async def _restore_action(self, rule: str, action: Action) -> list[str]:
        entries = self._ledger.entries(rule, action)
        destination = self._by_type[type(action)]
        assert is_restorable(destination)  # noqa: S101 - otherwise it would have no entry

        async def work() -> list[str]:
            if not any(map(self._ledger.contains, entries)):
                return []
            states = await self._answer(action, destination.capture_state(action))
            now = {state.target: state for state in states}
            lines = await asyncio.gather(
                *(self._restore_entry(destination, one, now.get(one.previous.target)) for one in entries)
            )
            return [line for line in lines if line]

        try:
            async with asyncio.timeout(self._limit_s):
                return await self._queue.run(action.target or action.kind, None, work)
        except TimeoutError:
            why = f"no answer within {self._limit_s:g} s"
        except ActionError as error:
            why = str(error)
        return [_failed(one, why) for one in entries if self._ledger.contains(one)]

    async def _restore_entry(self, destination: Restorable[Any], entry: RestoreEntry, now: PreviousState | None) -> str:
        """Restore one target. Returns a log line, empty when another rule has taken the target over."""
        target = entry.previous.target
        if not self._ledger.contains(entry):
            return ""
        if now is None:
            self._ledger.remove(entry)
            return f"{target}: it is not there any more"
        note = None
        if not self._ledger.is_settled(entry) or entry.previous.state != now.state:
            if not self._ledger.is_untouched(entry, now.state):
                self._ledger.remove(entry)
                return f"{target}: left alone, it was changed since"
            try:
                with self._overlap.restoring(target):
                    note = await self._answer(entry.action, destination.restore(entry.previous))
            except ActionError as error:
                return _failed(entry, str(error))
        self._ledger.remove(entry)
        _log.info("%s is as it was before", target)
        return f"{target}: {DONE}" + (f"; {note}" if note else "")


def _failed(entry: RestoreEntry, why: str) -> str:
    return f"{entry.previous.target}: {NOT_RESTORED}: {why}"

"""Runs the actions of rules in the background, restores what ended rules changed, and writes all to the history."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from device.hub.actions.base import DONE, NOT_RESTORED, Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.history.rows import Entry
from device.hub.metrics import Counters
from device.hub.rules.engine import RuleEnded, RuleFired
from device.readings import Mood
from device.settings.actions.base import Action
from device.system.journal import mood_level

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunnerLimits:
    """How much a runner does at once, and how long it waits."""

    max_tasks: int = 64
    """Running actions; more are refused, and the history says so."""
    retry_s: float = 60.0
    """Between two attempts to restore what failed when its rule ended."""
    close_s: float = 5.0
    """Time limit for restoring when the hub ends: somebody is waiting for it."""


class ActionRunner:
    """Runs the rules' actions without waiting for a destination. `remember` gets a history entry for each action.

    Create it inside a running event loop: a task retries failed restores every `retry_s`.
    """

    def __init__(
        self,
        dispatcher: ActionDispatcher,
        remember: Callable[[Entry], None],
        counters: Counters,
        limits: RunnerLimits | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._remember = remember
        self._counters = counters
        self._limits = limits or RunnerLimits()
        self._tasks: set[asyncio.Task[None]] = set()
        self._active: set[str] = set()
        """Rules that have fired and not ended: what they changed must not be restored yet."""
        began_s = asyncio.get_running_loop().time()
        self._retry_from_s = {rule: began_s + dispatcher.for_s.get(rule, 0.0) for rule in dispatcher.rules_to_restore}
        """For rules in the ledger of a hub that was killed: the mood may be the same still, and they fire again."""
        self._retrying = asyncio.create_task(self._retry_restores())

    def handle(self, events: Sequence[RuleFired | RuleEnded], mood: Mood | None) -> None:
        """Carry out what one evaluation of the rules found."""
        ended = [event.rule.name for event in events if isinstance(event, RuleEnded)]
        fired = [event for event in events if isinstance(event, RuleFired)]
        self._active = self._active.difference(ended) | {event.rule.name for event in fired}
        for name in ended:
            self._retry_from_s.pop(name, None)
        for event in events:
            state = " has ended" if isinstance(event, RuleEnded) else ""
            _log.log(mood_level(), "rule   %s%s: %s", event.rule.name, state, event.why)
        # A lamp that passes from one rule to the next must not flash its old state: a new rule with `restore` starts
        # first and takes the previous state over. All others start after the restore.
        heirs = [one for one in fired if one.rule.restore and one.rule.name not in ended]
        others = [one for one in fired if one not in heirs]
        self._start_actions(heirs, mood)
        if ended:
            work = self._restore_then_start(ended, others, mood)
            self._start(work, "; ".join(f"restore {name}" for name in ended))
        else:
            self._start_actions(others, mood)

    async def close(self) -> None:
        """Restore what rules changed, cancel what is running, and close every connection.

        Whoever stops Mien gets the house back as it was. After a restart in the same mood, the rule fires again.
        """
        self._retrying.cancel()
        try:
            async with asyncio.timeout(self._limits.close_s):
                await asyncio.gather(*(self._restore(rule) for rule in self._dispatcher.rules_to_restore))
        except TimeoutError:
            rules = ", ".join(self._dispatcher.rules_to_restore)
            close_s = self._limits.close_s
            _log.warning("hub ends; not restored within %g s, the destination did not answer: %s", close_s, rules)
        for task in self._tasks:
            task.cancel()
        await self._dispatcher.close()

    def _start_actions(self, fired: Sequence[RuleFired], mood: Mood | None) -> None:
        for event in fired:
            trigger = Trigger(event.rule.name, event.why, time.time(), mood)
            for action in event.rule.do:
                if not self._start(self._run(event, action, trigger), action.description):
                    self._record(event.rule.name, _encode(action), "refused, too many actions are running", done=False)

    async def _restore_then_start(self, ended: list[str], fired: Sequence[RuleFired], mood: Mood | None) -> None:
        for rule in ended:
            await self._restore(rule)
        self._start_actions(fired, mood)

    async def _restore(self, rule: str, *, is_retry: bool = False) -> None:
        try:
            lines = await self._dispatcher.restore(rule)
        except Exception:  # noqa: BLE001 - a bug here must not stop the other rules
            _log.exception("%s: what it changed cannot be restored: a fault in Mien", rule)
            return
        for line in lines:
            has_failed = f": {NOT_RESTORED}: " in line
            if has_failed and is_retry:
                _log.debug("%s", line)  # reported once already: a week of absence must not log a line a minute
                continue
            if has_failed:
                _log.warning("%s; it will be tried again", line)
            self._record(rule, "restore", line, done=f": {DONE}" in line)

    async def _retry_restores(self) -> None:
        """Retry each rule until it succeeds or somebody else has changed the target."""
        retry_s = self._limits.retry_s
        while True:
            await asyncio.sleep(retry_s)
            now_s = asyncio.get_running_loop().time()
            for rule in self._dispatcher.rules_to_restore:
                if rule not in self._active and now_s - retry_s >= self._retry_from_s.get(rule, 0.0):
                    await self._restore(rule, is_retry=True)

    async def _run(self, event: RuleFired, action: Action, trigger: Trigger) -> None:
        result = await self._dispatcher.run(action, trigger, remember=event.rule.restore)
        self._record(event.rule.name, _encode(action), result, done=result.startswith(DONE), at_s=trigger.time_utc_s)

    def _record(self, rule: str, action: str, result: str, *, done: bool, at_s: float | None = None) -> None:
        self._counters.count_action(rule, done=done)
        self._remember(Entry("action", time.time() if at_s is None else at_s, rule=rule, action=action, result=result))

    def _start(self, work: Coroutine[Any, Any, None], description: str) -> bool:
        """Start it in the background, so that a slow destination delays nothing else."""
        if len(self._tasks) >= self._limits.max_tasks:
            work.close()
            _log.error("%d actions are running already; refused: %s", self._limits.max_tasks, description)
            return False
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True


def _encode(action: Action) -> str:
    """For the history, which the page and `mien history` show."""
    return msgspec.json.encode(action.redacted).decode()

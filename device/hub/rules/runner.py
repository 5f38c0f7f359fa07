"""From what the rules say to what is done: actions beside the story, what is over put back, all remembered."""

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec

from device.hub.actions.base import DONE, NOT_BACK, Trigger
from device.hub.actions.dispatcher import ActionDispatcher
from device.hub.history.rows import Entry
from device.hub.metrics import Counters
from device.hub.rules.engine import RuleEnded, RuleFired
from device.readings import Mood
from device.settings.actions import Action

_log = logging.getLogger(__name__)

MAX_TASKS = 64
"""Actions under way; more are refused, and the history says so."""
AGAIN_S = 60.0
"""Between two tries to put back what a destination did not take when its rule was over."""
LEAVING_S = 5.0
"""An end that waits longer for a lamp is one that somebody waits for."""


class ActionRunner:
    """Nothing here waits for a destination. `remember` takes a line of the history for each thing done.

    Made where a loop runs: what could not be put back is tried again every `AGAIN_S`.
    """

    def __init__(self, destinations: ActionDispatcher, remember: Callable[[Entry], None], counters: Counters) -> None:
        self._destinations = destinations
        self._remember = remember
        self._counters = counters
        self._tasks: set[asyncio.Task[None]] = set()
        self._active: set[str] = set()
        """Rules that have fired and are not over: what they hold is not to be put back yet."""
        began_s = asyncio.get_running_loop().time()
        self._not_before_s = {rule: began_s + destinations.for_s.get(rule, 0.0) for rule in destinations.holding}
        """Of rules that held something when the last hub was killed: the room may still feel so, and they go on."""
        self._patient = asyncio.create_task(self._again_and_again())

    def act(self, events: Sequence[RuleFired | RuleEnded], mood: Mood | None) -> None:
        """Carry out what one look at the rules has found."""
        overs = [event for event in events if isinstance(event, RuleEnded)]
        firings = [event for event in events if isinstance(event, RuleFired)]
        self._active -= {event.rule.name for event in overs}
        self._active |= {event.rule.name for event in firings}
        for one in overs:
            self._not_before_s.pop(one.rule.name, None)
        for event in events:
            ended = " is over" if isinstance(event, RuleEnded) else ""
            _log.info("rule   %s%s: %s", event.rule.name, ended, event.why)
        # A lamp that passes from one rule to the next is not put back in between: whoever will bring it back takes
        # over what it was. All others are to find it as it was.
        over = {event.rule.name for event in overs}
        heirs = [firing for firing in firings if firing.rule.restore and firing.rule.name not in over]
        rest = [firing for firing in firings if firing not in heirs]
        self._begin(heirs, mood)
        if overs:
            self._start(self._put_back(overs, rest, mood), "; ".join(f"restore {o.rule.name}" for o in overs))
        else:
            self._begin(rest, mood)

    async def close(self) -> None:
        """Put back what rules hold, give up what is under way, and let go of every connection.

        Who stops Mien wants the house as it was; who starts it again, and feels the same, has the rule fire again.
        """
        self._patient.cancel()
        try:
            async with asyncio.timeout(LEAVING_S):
                await asyncio.gather(*(self._bring_back(rule) for rule in self._destinations.holding))
        except TimeoutError:
            rules = ", ".join(self._destinations.holding)
            _log.warning(
                "hub ends; not brought back within %g s, as the destination did not answer: %s", LEAVING_S, rules
            )
        for task in self._tasks:
            task.cancel()
        await self._destinations.close()

    def _begin(self, firings: Sequence[RuleFired], mood: Mood | None) -> None:
        for firing in firings:
            occasion = Trigger(firing.rule.name, firing.why, time.time(), mood)
            for action in firing.rule.do:
                if not self._start(self._run(firing, action, occasion), action.words):
                    self._done(firing.rule.name, _plain(action), "refused, too much is under way", done=False)

    async def _put_back(self, overs: Sequence[RuleEnded], firings: Sequence[RuleFired], mood: Mood | None) -> None:
        for over in overs:
            await self._bring_back(over.rule.name)
        self._begin(firings, mood)

    async def _bring_back(self, rule: str, *, again: bool = False) -> None:
        try:
            lines = await self._destinations.restore(rule)
        except Exception:  # noqa: BLE001 - it ends neither the tries for other rules, nor what comes after this
            _log.exception("%s: what it holds cannot be put back for a fault in Mien", rule)
            return
        for line in lines:
            failed = f": {NOT_BACK}: " in line
            if failed and again:
                _log.debug("%s", line)  # said once; whoever is away for a week is no line a minute
                continue
            if failed:
                _log.warning("%s; it will be tried again", line)
            self._done(rule, "restore", line, done=f": {DONE}" in line)

    async def _again_and_again(self) -> None:
        """Until it succeeds, or somebody else has changed the target."""
        while True:
            await asyncio.sleep(AGAIN_S)
            now_s = asyncio.get_running_loop().time()
            for rule in self._destinations.holding:
                if rule not in self._active and now_s - AGAIN_S >= self._not_before_s.get(rule, 0.0):
                    await self._bring_back(rule, again=True)

    async def _run(self, firing: RuleFired, action: Action, occasion: Trigger) -> None:
        result = await self._destinations.run(action, occasion, keep=firing.rule.restore)
        self._done(firing.rule.name, _plain(action), result, done=result.startswith(DONE), began_s=occasion.time_utc_s)

    def _done(self, rule: str, action: str, result: str, *, done: bool, began_s: float | None = None) -> None:
        self._counters.action(rule, done=done)
        at_s = time.time() if began_s is None else began_s
        self._remember(Entry("action", at_s, rule=rule, action=action, result=result))

    def _start(self, work: Coroutine[Any, Any, None], words: str) -> bool:
        """Beside the story, so that a slow destination holds up nothing."""
        if len(self._tasks) >= MAX_TASKS:
            work.close()
            _log.error("%d actions are under way already; refused: %s", MAX_TASKS, words)
            return False
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return True


def _plain(action: Action) -> str:
    return msgspec.json.encode(action).decode()

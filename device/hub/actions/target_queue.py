"""One at a time for each target, in order; a newer action ends an older one, so that no room gets a stale light."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from device.errors import ActionError
from device.hub.actions.base import Trigger

T = TypeVar("T")


class SupersededError(ActionError):
    """Something newer came before this was through."""


class _Turn:
    """One action or restoring, waiting or under way."""

    def __init__(self, occasion: Trigger | None) -> None:
        self.occasion = occasion
        self.given_up = ""
        self.task: asyncio.Task[Any] | None = None

    def give_up(self, why: str) -> None:
        self.given_up = why
        if self.task:
            self.task.cancel()


class TargetQueue:
    """Who is next at each target."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._turns: dict[str, list[_Turn]] = {}

    async def take(self, target: str, occasion: Trigger | None, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` returns, once whoever is before at `target` is through. Raises SupersededError.

        An action comes with its `occasion`, and ends everything of another one that is not through yet: it may be
        trying again and again. Actions of one occasion belong together and follow one another. What comes without
        (bringing back a former state) waits.
        """
        turn, line = _Turn(occasion), self._turns.setdefault(target, [])
        lock = self._locks.setdefault(target, asyncio.Lock())
        if occasion is not None:
            for older in line:
                if older.occasion != occasion:
                    older.give_up("for a newer action")

        async def in_turn() -> T:
            async with lock:
                return await work()

        line.append(turn)
        turn.task = asyncio.create_task(in_turn())
        try:
            result: T = await turn.task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if turn.given_up and not (current and current.cancelling()):
                raise SupersededError(f"{target}: given up {turn.given_up}") from None
            raise
        finally:
            line.remove(turn)
        return result

    def end(self, rule: str) -> None:
        """Give up what is under way for `rule`, wherever it is: its time is over."""
        for line in self._turns.values():
            for turn in line:
                if turn.occasion and turn.occasion.rule == rule:
                    turn.give_up("as its rule is over")

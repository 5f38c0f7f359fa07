"""One operation at a time for each target. A newer action cancels older ones, so that no stale state arrives late."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from msgspec import Struct

from device.errors import ActionError
from device.hub.actions.base import Trigger

T = TypeVar("T")


class SupersededError(ActionError):
    """Something newer came before this was finished."""


class _Operation(Struct, eq=False):
    """One action or restore, waiting or running."""

    trigger: Trigger | None
    cancel_reason: str = ""
    task: asyncio.Task[Any] | None = None

    def cancel(self, reason: str) -> None:
        self.cancel_reason = reason
        if self.task:
            self.task.cancel()


class TargetQueue:
    """A queue for each target."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._operations: dict[str, list[_Operation]] = {}

    async def run(self, target: str, trigger: Trigger | None, work: Callable[[], Awaitable[T]]) -> T:
        """Run `work` once the operations before it at `target` have ended. Raises SupersededError.

        An action has a `trigger`. It cancels every unfinished operation with another trigger, which may keep
        retrying. Actions of one trigger belong together and run in order. A restore has no trigger, and waits.
        """
        operation, queue = _Operation(trigger), self._operations.setdefault(target, [])
        lock = self._locks.setdefault(target, asyncio.Lock())
        if trigger is not None:
            for older in queue:
                if older.trigger != trigger:
                    older.cancel("for a newer action")

        async def work_in_order() -> T:
            async with lock:
                return await work()

        queue.append(operation)
        operation.task = task = asyncio.create_task(work_in_order())
        try:
            return await task
        except asyncio.CancelledError:
            current = asyncio.current_task()
            if operation.cancel_reason and not (current and current.cancelling()):
                raise SupersededError(f"{target}: cancelled {operation.cancel_reason}") from None
            raise
        finally:
            queue.remove(operation)

    def cancel_rule(self, rule: str) -> None:
        """Cancel every operation of `rule`, which has ended."""
        for queue in self._operations.values():
            for operation in queue:
                if operation.trigger and operation.trigger.rule == rule:
                    operation.cancel("because its rule has ended")

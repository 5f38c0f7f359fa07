"""Where a rule's actions go: one file a destination, found by the type of the action."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, Protocol, TypeVar

from device.destinations import Action
from device.errors import ActionError

_log = logging.getLogger(__name__)
_A_contra = TypeVar("_A_contra", contravariant=True)

ACTION_S = 5.0
"""A destination that has not taken its action by then has failed."""
DONE = "done"


class Destination(Protocol[_A_contra]):
    """Something that a mood can drive."""

    async def run(self, action: _A_contra) -> None:
        """Carry it out. Raises ActionError saying what was wrong, where, and what to do."""

    def state(self) -> dict[str, Any]:
        """What it became, for the page; empty when that is not known."""


class Destinations:
    """All destinations; the time limit is kept here, for every one of them."""

    def __init__(self, by_type: Mapping[type[Any], Destination[Any]], limit_s: float = ACTION_S) -> None:
        self._by_type = dict(by_type)
        self._limit_s = limit_s

    async def run(self, action: Action) -> str:
        """`done`, or what went wrong, for the history. Never raises for a destination that fails."""
        destination = self._by_type.get(type(action))
        name = type(action).__name__.lower()
        if destination is None:
            return f"{name}: nothing here takes it"
        try:
            async with asyncio.timeout(self._limit_s):
                await destination.run(action)
        except TimeoutError:
            result = f"{name}: no answer within {self._limit_s:g} s"
        except ActionError as error:
            result = str(error)
        else:
            return DONE
        _log.warning("an action failed: %s", result)
        return result

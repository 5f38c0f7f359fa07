"""At one system, either what was before is read, or it is put back: never both at the same time.

A light and its group have turns of their own. Who reads the group while the light is being put back takes the look of
the rule that is over for what was before.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from enum import Enum


class Way(Enum):
    """Which way somebody goes."""

    THERE = "what was before is read and taken"
    BACK = "what was before is put back"


class Crossing:
    """Any number may go one way; who goes the other way waits until they are through. First come, first served."""

    def __init__(self) -> None:
        self._gate = asyncio.Lock()
        self._empty = asyncio.Event()
        self._empty.set()
        self._way = Way.THERE
        self._inside = 0

    @asynccontextmanager
    async def going(self, way: Way) -> AsyncIterator[None]:
        """The block is on its way."""
        async with self._gate:
            if self._way is not way:
                await self._empty.wait()
            self._way = way
            self._inside += 1
            self._empty.clear()
        try:
            yield
        finally:
            self._inside -= 1
            if not self._inside:
                self._empty.set()

"""A music player daemon: its playlists, and what played before. Source: mpd.readthedocs.io, "Protocol"."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import mpd  # type: ignore[import-untyped]
from mpd.asyncio import MPDClient  # type: ignore[import-untyped]

from device import destinations
from device.destinations import Music
from device.errors import ActionError
from device.hub.actions.delivery import Delivery, TransientError
from device.hub.actions.former import Former, Look
from device.hub.actions.http import plain_text
from device.hub.actions.mpd_queue import bring_back, queue_now, set_ahead, set_volume
from device.hub.actions.occasion import Occasion
from device.hub.actions.secret import read_secret

T = TypeVar("T")

SETTLE_S = 1.0
_MOST_CHARACTERS = 1_048_576
"""Of all answers on one connection: a long queue with its titles."""
_TARGET = "mpd"


class MusicPlayer:
    """One daemon; a connection for each action."""

    def __init__(self, there: destinations.Mpd, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._there = there
        self._name = f"MPD {there.host}:{there.port}"
        self._delivery = delivery(self._name, parallel=2)
        self._state: dict[str, Any] = {}

    async def run(self, action: Music, _occasion: Occasion) -> str:
        """Play the list from its beginning, or stop; a volume that is not taken is a note. Raises ActionError."""

        async def attempt(client: "_Client") -> str:
            if action.playlist:
                await client.listplaylist(action.playlist)  # asked first: an unknown one must not clear the queue
                await client.clear()
                await client.load(action.playlist)
                await set_ahead(client, action.volume)
                await client.play()
            else:
                await client.stop()
            # Last, too: on PulseAudio there is no volume before something plays.
            return "" if action.volume is None else await set_volume(client, action.volume)

        note = await self._with(attempt)
        self._state = {"playing": bool(action.playlist), "playlist": action.playlist, "volume": action.volume}
        return note

    def state(self) -> dict[str, Any]:
        """`{"playing", "playlist", "volume"}` of the last action; empty before the first."""
        return dict(self._state)

    async def former(self, action: Music) -> tuple[Former, ...]:
        """The queue, the song in it, and the volume. Raises ActionError where the queue is too long to be kept."""

        async def attempt(client: "_Client") -> Former:
            queue = await queue_now(client, self._name)
            asked: Look = {"playing": frozenset({"stop", "ended"})}
            if action.playlist:
                songs = frozenset(await client.listplaylist(action.playlist))
                asked = {"playing": frozenset({"play", "ended"}), "songs": songs}
            if action.volume is not None:
                asked["volume"] = action.volume if queue.volume is not None else None
            return Former(_TARGET, queue.look(), asked, settle_s=SETTLE_S, more=queue)

        return (await self._with(attempt),)

    async def restore(self, former: Former) -> str:
        """The queue, and the song where it was left; a volume that is not taken is a note.

        Raises ActionError; songs that are gone are said in it.
        """
        gone, note = await self._with(lambda client: bring_back(client, former.more, self._name))
        if gone:
            raise ActionError(f"{self._name}: {gone} songs of the queue are not there any more")
        return note

    async def _with(self, work: Callable[["_Client"], Awaitable[T]]) -> T:
        async def attempt() -> T:
            async with self._connected() as client:
                return await work(client)

        return await self._delivery.run(attempt)

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator["_Client"]:
        password = read_secret(self._there.password_file, "MPD's password") if self._there.password_file else ""
        client = _Client()
        try:
            await client.connect(self._there.host, self._there.port)
            if password:
                await client.password(password)
            yield client
        except mpd.CommandError as error:
            raise ActionError(f"{self._name}: refused it ({plain_text(str(error))})") from None
        except mpd.ConnectionError as error:
            raise TransientError(f"{self._name}: the connection broke off ({plain_text(str(error))})") from None
        except OSError as error:
            why = plain_text(error.strerror or str(error))
            raise TransientError(f"{self._name}: cannot be reached ({why})", untouched=True) from None
        except (mpd.MPDError, ValueError, KeyError) as error:
            raise ActionError(
                f"{self._name}: the answer is not understood ({type(error).__name__}); is that an MPD?"
            ) from None
        finally:
            client.disconnect()


class _Client(MPDClient):  # type: ignore[misc] # the library has no types
    """The library's, with a bound on what it reads."""

    heard = 0
    reader: "asyncio.Task[Any] | None" = None

    def disconnect(self) -> None:
        """Let go of the connection, but not in the middle of a line: python-mpd2 3.1.1 forgets whom it has to tell."""
        if self.reader is None or self.reader is not asyncio.current_task():
            super().disconnect()

    async def _read_line(self) -> str | None:
        self.reader = asyncio.current_task()
        try:
            line: str | None = await super()._read_line()
        finally:
            self.reader = None
        self.heard += len(line or "")
        if self.heard > _MOST_CHARACTERS:
            raise mpd.ProtocolError("too long")
        return line

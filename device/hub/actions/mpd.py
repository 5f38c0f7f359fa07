"""A music player daemon: its playlists, and what played before. Source: mpd.readthedocs.io, "Protocol"."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import mpd  # type: ignore[import-untyped]
from mpd.asyncio import MPDClient  # type: ignore[import-untyped]
from msgspec import Struct

from device import destinations
from device.destinations import Music
from device.errors import ActionError
from device.hub.actions.delivery import Delivery, TransientError
from device.hub.actions.former import Former, Look
from device.hub.actions.http import plain_text
from device.hub.actions.occasion import Occasion
from device.hub.actions.secret import read_secret

T = TypeVar("T")

SETTLE_S = 1.0
MOST_SONGS = 1000
"""In a queue that can be brought back."""
_MOST_CHARACTERS = 1_048_576
"""Of all answers on one connection: a long queue with its titles."""
_AT_A_TIME = 50
_TARGET = "mpd"


class Queue(Struct, frozen=True):
    """What plays, and where in it."""

    songs: tuple[str, ...]
    """Paths and addresses."""
    playing: str
    """`play`, `pause`, `stop`, or `ended`: stopped by itself behind the last song."""
    volume: int | None
    """Percent; None without a mixer."""
    position: int | None
    """In `songs`, from 0; None where it has ended."""
    elapsed_s: float

    def look(self) -> Look:
        """To be compared: which songs, and not which of them, as they go on by themselves."""
        return {"playing": frozenset({self.playing}), "songs": frozenset(self.songs), "volume": self.volume}


class MusicPlayer:
    """One daemon; a connection for each action."""

    def __init__(self, there: destinations.Mpd, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._there = there
        self._name = f"MPD {there.host}:{there.port}"
        self._delivery = delivery(self._name, parallel=2)
        self._state: dict[str, Any] = {}

    async def run(self, action: Music, _occasion: Occasion) -> None:
        """Play the list from its beginning, or stop; the volume first. Raises ActionError."""

        async def attempt(client: "_Client") -> None:
            if action.playlist:
                await client.listplaylist(action.playlist)  # asked first: an unknown one must not clear the queue
            if action.volume is not None:
                await client.setvol(action.volume)
            if not action.playlist:
                await client.stop()
                return
            await client.clear()
            await client.load(action.playlist)
            await client.play()

        await self._with(attempt)
        self._state = {"playing": bool(action.playlist), "playlist": action.playlist, "volume": action.volume}

    def state(self) -> dict[str, Any]:
        """`{"playing", "playlist", "volume"}` of the last action; empty before the first."""
        return dict(self._state)

    async def former(self, action: Music) -> tuple[Former, ...]:
        """The queue, the song in it, and the volume. Raises ActionError where the queue is too long to be kept."""

        async def attempt(client: "_Client") -> Former:
            queue = await _queue(client, self._name)
            asked: Look = {"playing": frozenset({"stop", "ended"})}
            if action.playlist:
                songs = frozenset(await client.listplaylist(action.playlist))
                asked = {"playing": frozenset({"play", "ended"}), "songs": songs}
            if action.volume is not None:
                asked["volume"] = action.volume if queue.volume is not None else None
            return Former(_TARGET, queue.look(), asked, settle_s=SETTLE_S, more=queue)

        return (await self._with(attempt),)

    async def restore(self, former: Former) -> None:
        """The queue, and the song where it was left. Raises ActionError; songs that are gone are said in it."""
        gone = await self._with(lambda client: _bring_back(client, former.more, self._name))
        if gone:
            raise ActionError(f"{self._name}: {gone} songs of the queue are not there any more")

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


async def _queue(client: _Client, name: str) -> Queue:
    """As it is now. Raises ActionError for a long one."""
    status = await client.status()
    if int(status.get("playlistlength", 0)) > MOST_SONGS:
        raise ActionError(f"{name}: the queue has more than {MOST_SONGS} songs, too many to be brought back")
    await client.tagtypes("clear")  # of each song, the path alone
    songs = tuple([song["file"] async for song in client.playlistinfo()])
    state, volume, position = status["state"], int(status.get("volume", -1)), status.get("song")
    # Stopped by a person, it remembers the song; stopped behind the last, it does not.
    ended = state == "stop" and position is None and (bool(songs) or status.get("consume") == "1")
    return Queue(
        songs,
        "ended" if ended else state,
        volume if volume >= 0 else None,
        None if position is None else int(position),
        float(status.get("elapsed", 0.0)),
    )


async def _bring_back(client: _Client, queue: Queue, name: str) -> int:
    """How many songs could not be."""
    gone: set[int] = set()
    if (await _queue(client, name)).songs != queue.songs:
        await client.clear()
        for first in range(0, len(queue.songs), _AT_A_TIME):
            songs = queue.songs[first : first + _AT_A_TIME]
            added = await asyncio.gather(*(client.add(song) for song in songs), return_exceptions=True)
            for number, error in enumerate(added, first):
                if isinstance(error, mpd.CommandError):
                    gone.add(number)
                elif isinstance(error, BaseException):
                    raise error
    if queue.volume is not None:
        await client.setvol(queue.volume)
    if queue.playing in ("play", "pause") and queue.position is not None and queue.position not in gone:
        position = queue.position - sum(number < queue.position for number in gone)
        await client.seek(position, queue.elapsed_s)  # which plays it
        if queue.playing == "pause":
            await client.pause(1)
    else:
        await client.stop()
    return len(gone)

"""A music player daemon: its playlists, and what played before. Source: mpd.readthedocs.io, "Protocol"."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import mpd  # type: ignore[import-untyped]
from mpd.asyncio import MPDClient  # type: ignore[import-untyped]
from msgspec import Struct

from device.errors import ActionError
from device.hub.actions.base import Trigger
from device.hub.actions.restore.previous_state import Look, PreviousState
from device.hub.actions.transport.delivery import Delivery, TransientError
from device.hub.actions.transport.http import plain_text
from device.settings import actions
from device.settings.actions import Music
from device.system.secrets import read_secret

MAX_SONGS = 1000
"""In a queue that can be brought back."""
_AT_A_TIME = 50
_OPENING_S = 1.0
"""From `play` until an output is open, and its mixer takes a volume; at a PulseAudio it took 0.02 s."""

_STEP = 7
"""Percent: a mixer of 16 steps goes to the next of them."""


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


async def queue_now(client: MPDClient, name: str) -> Queue:
    """As it is now. Raises ActionError for a long one."""
    status = await client.status()
    if int(status.get("playlistlength", 0)) > MAX_SONGS:
        raise ActionError(f"{name}: the queue has more than {MAX_SONGS} songs, too many to be brought back")
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


async def bring_back(client: MPDClient, queue: Queue, name: str) -> tuple[int, str]:
    """How many songs could not be, and a note if the volume could not. Raises what the client raises."""
    gone: set[int] = set()
    if (await queue_now(client, name)).songs != queue.songs:
        await client.clear()
        for first in range(0, len(queue.songs), _AT_A_TIME):
            songs = queue.songs[first : first + _AT_A_TIME]
            added = await asyncio.gather(*(client.add(song) for song in songs), return_exceptions=True)
            for number, error in enumerate(added, first):
                if isinstance(error, mpd.CommandError):
                    gone.add(number)
                elif isinstance(error, BaseException):
                    raise error
    if queue.playing in ("play", "pause") and queue.position is not None and queue.position not in gone:
        await set_ahead(client, queue.volume)
        position = queue.position - sum(number < queue.position for number in gone)
        await client.seek(position, queue.elapsed_s)  # which plays it
        note = await _as_before(client, queue)  # only now: on PulseAudio there is no volume before something plays
        if queue.playing == "pause":
            await client.pause(1)
    else:
        note = await _as_before(client, queue)
        await client.stop()
    return len(gone), note


async def set_ahead(client: MPDClient, percent: int | None) -> None:
    """So that the music does not begin as loud as something else was. `set_volume`, behind it, tells a refusal."""
    if percent is not None:
        with contextlib.suppress(mpd.CommandError):
            await client.setvol(percent)


async def set_volume(client: MPDClient, percent: int) -> str:
    """Empty; or why it is not taken, for a person: the music counts for more. Raises what the client raises.

    A PulseAudio has no volume before the first sound, and gives a new stream one of its own: what it takes before is
    lost, and not refused. So it is said again until the sound is out. A coarse mixer stays a step beside what it is
    told, and has taken it.
    """
    loop = asyncio.get_running_loop()
    end_s = loop.time() + _OPENING_S
    before: int | None = None
    while True:
        refused = ""
        try:
            await client.setvol(percent)
        except mpd.CommandError as error:
            refused = plain_text(str(error))
        status = await client.status()
        now = int(status.get("volume", percent))
        stays = now == before or status["state"] != "play"
        if not refused and abs(now - percent) > (_STEP if stays else 1):
            refused = f"it says {now} %"
        before = now
        opens = status["state"] == "play" and (refused or not float(status.get("elapsed", 0.0)))
        if not opens or loop.time() >= end_s:
            return f"the volume was not taken ({refused})" if refused else ""
        await asyncio.sleep(_OPENING_S / 20)


async def _as_before(client: MPDClient, queue: Queue) -> str:
    return "" if queue.volume is None else await set_volume(client, queue.volume)


T = TypeVar("T")

SETTLE_S = 1.0
_MAX_CHARACTERS = 1_048_576
"""Of all answers on one connection: a long queue with its titles."""
_TARGET = "mpd"


class MusicPlayer:
    """One daemon; a connection for each action."""

    def __init__(self, there: actions.Mpd, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._there = there
        self._name = f"MPD {there.host}:{there.port}"
        self._delivery = delivery(self._name, parallel=2)
        self._state: dict[str, Any] = {}

    async def run(self, action: Music, _occasion: Trigger) -> str:
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

    async def former(self, action: Music) -> tuple[PreviousState, ...]:
        """The queue, the song in it, and the volume. Raises ActionError where the queue is too long to be kept."""

        async def attempt(client: "_Client") -> PreviousState:
            queue = await queue_now(client, self._name)
            asked: Look = {"playing": frozenset({"stop", "ended"})}
            if action.playlist:
                songs = frozenset(await client.listplaylist(action.playlist))
                asked = {"playing": frozenset({"play", "ended"}), "songs": songs}
            if action.volume is not None:
                asked["volume"] = action.volume if queue.volume is not None else None
            return PreviousState(_TARGET, queue.look(), asked, settle_s=SETTLE_S, more=queue)

        return (await self._with(attempt),)

    async def restore(self, former: PreviousState) -> str:
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
        if self.heard > _MAX_CHARACTERS:
            raise mpd.ProtocolError("too long")
        return line

"""A music player daemon: plays playlists, and restores its queue. Source: mpd.readthedocs.io, "Protocol"."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import mpd  # type: ignore[import-untyped]
from mpd.asyncio import MPDClient  # type: ignore[import-untyped]
from msgspec import Struct

from device.errors import ActionError
from device.hub.actions.base import Destination, LastState, Resources, Trigger
from device.hub.actions.restore.previous_state import PreviousState, TargetState
from device.hub.actions.transport.delivery import Delivery, TransientError
from device.hub.actions.transport.http import clean_text
from device.settings.actions.mpd import Mpd, Music
from device.system.secrets import read_secret

T = TypeVar("T")

SETTLE_S = 1.0
"""The time after a command until the daemon reports its new state."""
MAX_SONGS = 1000
"""The longest queue that can be restored."""
_BATCH = 50
"""Songs per batch of additions."""
_OUTPUT_OPEN_S = 1.0
"""The longest time from `play` until an output is open and its mixer accepts a volume; PulseAudio took 0.02 s."""
_MIXER_STEP = 7
"""Percent: a mixer of 16 steps rounds to the nearest of them."""
_MAX_CHARACTERS = 1_048_576
"""Of all answers on one connection: a long queue with its titles."""


def build(resources: Resources) -> dict[type[Any], Destination[Any]]:
    """If the settings name a daemon."""
    return {Music: MusicPlayer(resources.settings.mpd)} if resources.settings.mpd.host else {}


class Queue(Struct, frozen=True):
    """The songs (paths or addresses), the current position, and the volume."""

    songs: tuple[str, ...]
    playing: str
    """`play`, `pause`, `stop`, or `ended`: it stopped by itself after the last song."""
    volume: int | None
    """Percent; None without a mixer."""
    position: int | None
    """In `songs`, from 0; None when it has ended."""
    elapsed_s: float

    def as_target_state(self) -> TargetState:
        """For comparison: the set of songs, but not the current one, which advances by itself."""
        return {"playing": frozenset({self.playing}), "songs": frozenset(self.songs), "volume": self.volume}


async def read_queue(client: MPDClient, name: str) -> Queue:
    """The present queue. Raises ActionError if it is too long."""
    status = await client.status()
    if int(status.get("playlistlength", 0)) > MAX_SONGS:
        raise ActionError(f"{name}: the queue has more than {MAX_SONGS} songs, too many to be restored")
    await client.tagtypes("clear")  # only the path of each song
    songs = tuple([song["file"] async for song in client.playlistinfo()])
    playing = status["state"]
    volume = int(status.get("volume", -1))
    song = status.get("song")
    # MPD remembers the current song when a person stops it, but not when it stops after the last song.
    if playing == "stop" and song is None and (songs or status.get("consume") == "1"):
        playing = "ended"
    return Queue(
        songs,
        playing,
        volume=volume if volume >= 0 else None,
        position=None if song is None else int(song),
        elapsed_s=float(status.get("elapsed", 0.0)),
    )


async def restore_queue(client: MPDClient, queue: Queue, name: str) -> tuple[int, str]:
    """Restore the queue. Returns the number of missing songs, and a note if the volume was refused.

    Exceptions of the client pass through.
    """
    gone: set[int] = set()
    if (await read_queue(client, name)).songs != queue.songs:
        await client.clear()
        for first in range(0, len(queue.songs), _BATCH):
            songs = queue.songs[first : first + _BATCH]
            added = await asyncio.gather(*(client.add(song) for song in songs), return_exceptions=True)
            for number, error in enumerate(added, first):
                if isinstance(error, mpd.CommandError):
                    gone.add(number)
                elif isinstance(error, BaseException):
                    raise error
    if queue.playing in ("play", "pause") and queue.position is not None and queue.position not in gone:
        await preset_volume(client, queue.volume)
        position = queue.position - sum(number < queue.position for number in gone)
        await client.seek(position, queue.elapsed_s)  # this starts playing
        start_s = float((await client.status()).get("elapsed", 0.0))
        note = await set_volume(client, queue.volume, start_s)  # only now: PulseAudio has no volume before playback
        if queue.playing == "pause":
            await client.pause(1)
    else:
        note = await set_volume(client, queue.volume)
        await client.stop()
    return len(gone), note


async def preset_volume(client: MPDClient, percent: int | None) -> None:
    """Try to set the volume before playback, so that the music does not start too loud. Ignores a refusal.

    `set_volume`, called after the start, reports the refusal.
    """
    if percent is not None:
        with contextlib.suppress(mpd.CommandError):
            await client.setvol(percent)


async def set_volume(client: MPDClient, percent: int | None, start_s: float = 0.0) -> str:
    """Set the volume, unless it is None; the reason for a person if it was refused. Raises what the client raises.

    PulseAudio has no volume before the first sound, and gives a new stream a volume of its own: an earlier one is
    accepted and lost. So it is set again until sound comes out, that is until the elapsed time is no longer `start_s`,
    where playback began. A coarse mixer that stays within one step has accepted it.
    """
    if percent is None:
        return ""
    loop = asyncio.get_running_loop()
    end_s = loop.time() + _OUTPUT_OPEN_S
    last: int | None = None
    while True:
        refused = ""
        try:
            await client.setvol(percent)
        except mpd.CommandError as error:
            refused = clean_text(str(error))
        status = await client.status()
        now = int(status.get("volume", percent))
        is_stable = now == last or status["state"] != "play"
        if not refused and abs(now - percent) > (_MIXER_STEP if is_stable else 1):
            refused = f"it stays at {now} %"
        last = now
        is_silent = float(status.get("elapsed", start_s)) == start_s
        is_opening = status["state"] == "play" and (refused or is_silent)
        if not is_opening or loop.time() >= end_s:
            return f"the volume was not accepted ({refused})" if refused else ""
        await asyncio.sleep(_OUTPUT_OPEN_S / 20)


class MusicPlayer(LastState):
    """One daemon, with a connection for each action."""

    previous_type = Queue

    def __init__(self, settings: Mpd, delivery: Callable[..., Delivery] = Delivery) -> None:
        self._settings = settings
        self._name = f"MPD {settings.host}:{settings.port}"
        self._delivery = delivery(self._name, parallel=2)

    async def run(self, action: Music, _trigger: Trigger) -> str:
        """Play the list from its beginning, or stop. A refused volume is only noted. Raises ActionError."""

        async def attempt(client: "_Client") -> str:
            if action.playlist:
                await client.listplaylist(action.playlist)  # first, as an unknown list must not clear the queue
                await client.clear()
                await client.load(action.playlist)
                await preset_volume(client, action.volume)
                await client.play()
            else:
                await client.stop()
            return await set_volume(client, action.volume)  # again, as PulseAudio has no volume before playback

        note = await self._run_connected(attempt)
        self._state = {"playing": bool(action.playlist), "playlist": action.playlist, "volume": action.volume}
        return note

    async def capture_state(self, action: Music) -> tuple[PreviousState, ...]:
        """The queue, the current song, and the volume. Raises ActionError if the queue is too long."""

        async def attempt(client: "_Client") -> PreviousState:
            queue = await read_queue(client, self._name)
            requested: TargetState = {"playing": frozenset({"stop", "ended"})}
            if action.playlist:
                songs = frozenset(await client.listplaylist(action.playlist))
                requested = {"playing": frozenset({"play", "ended"}), "songs": songs}
            if action.volume is not None:
                requested["volume"] = action.volume if queue.volume is not None else None
            return PreviousState(action.target, queue.as_target_state(), requested, settle_s=SETTLE_S, details=queue)

        return (await self._run_connected(attempt),)

    async def restore(self, previous: PreviousState) -> str:
        """Restore the queue and the position in the song; a refused volume is a note.

        Raises ActionError, also for songs that are gone.
        """
        gone, note = await self._run_connected(lambda client: restore_queue(client, previous.details, self._name))
        if gone:
            raise ActionError(f"{self._name}: {gone} songs of the queue are not there any more")
        return note

    async def _run_connected(self, work: Callable[["_Client"], Awaitable[T]]) -> T:
        path = self._settings.password_file

        async def attempt() -> T:
            password = read_secret(path, "MPD's password") if path else ""
            client = _Client()
            try:
                await client.connect(self._settings.host, self._settings.port)
                if password:
                    await client.password(password)
                return await work(client)
            except mpd.CommandError as error:
                raise ActionError(f"{self._name}: refused it ({clean_text(str(error))})") from None
            except mpd.ConnectionError as error:
                raise TransientError(f"{self._name}: the connection broke off ({clean_text(str(error))})") from None
            except OSError as error:
                why = clean_text(error.strerror or str(error))
                raise TransientError(f"{self._name}: cannot be reached ({why})", had_no_effect=True) from None
            except (mpd.MPDError, ValueError, KeyError) as error:
                why = type(error).__name__
                raise ActionError(f"{self._name}: the answer is not understood ({why}); is that an MPD?") from None
            finally:
                client.disconnect()

        return await self._delivery.run(attempt)


class _Client(MPDClient):  # type: ignore[misc] # the library has no types
    """The library's client, with a limit on what it reads."""

    characters_read = 0
    reader: "asyncio.Task[Any] | None" = None

    def disconnect(self) -> None:
        """Close the connection, but not in the middle of a line: python-mpd2 3.1.1 would leave a caller waiting."""
        if self.reader is None or self.reader is not asyncio.current_task():
            super().disconnect()

    async def _read_line(self) -> str | None:
        self.reader = asyncio.current_task()
        try:
            line: str | None = await super()._read_line()
        finally:
            self.reader = None
        self.characters_read += len(line or "")
        if self.characters_read > _MAX_CHARACTERS:
            raise mpd.ProtocolError("too long")
        return line

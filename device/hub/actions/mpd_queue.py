"""What a music player daemon plays, its volume, and the way back to it. Source: mpd.readthedocs.io, "Protocol"."""

import asyncio
import contextlib

import mpd  # type: ignore[import-untyped]
from mpd.asyncio import MPDClient  # type: ignore[import-untyped]
from msgspec import Struct

from device.errors import ActionError
from device.hub.actions.former import Look
from device.hub.actions.http import plain_text

MOST_SONGS = 1000
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

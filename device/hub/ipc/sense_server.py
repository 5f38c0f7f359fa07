"""The listening side of the door: one sense at a time, a heartbeat both ways, and nothing that blocks the hub."""

import asyncio
import contextlib
import logging
import socket
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from device.emotions import EMOTIONS
from device.errors import LinkError
from device.hub.ipc.unix_server import UnixServer
from device.ipc import messages as link
from device.ipc.messages import HEARTBEAT_S, MAX_LINE, SILENCE_S, Beat, FromHub, FromSense, Hello, MoodSaid
from device.settings import locations

_log = logging.getLogger(__name__)

WRITE_S = 1.0
"""A sense that has not taken a line for so long is let go."""


class SenseServer:
    """Listens in `runtime_dir` from `open` to `close`.

    `heard` gets every message in order, a Hello first; the next line is read when it returns. `gone` is told why,
    once for each Hello.
    """

    def __init__(
        self,
        runtime_dir: Path,
        heard: Callable[[FromSense], Awaitable[None]],
        gone: Callable[[str], Awaitable[None]],
    ) -> None:
        self._path = locations.socket_path(runtime_dir)
        self._heard = heard
        self._gone = gone
        self._server: asyncio.Server | None = None
        self._visitors = UnixServer(self._serve)
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._last_line_s = 0.0
        self._silent = self._closed = False

    @property
    def last_line_s(self) -> float:
        """When sense was last heard, CLOCK_MONOTONIC; 0.0 before the first time."""
        return self._last_line_s

    async def open(self) -> None:
        """Bind and listen. Raises LinkError when another hub is there or the folder cannot be used."""
        try:
            if not self._path.parent.is_dir():
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_stale(self._path)
            with contextlib.ExitStack() as at_failure:
                listener = at_failure.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                # The mode is set between bind and listen, so that nobody can come in before it.
                listener.bind(str(self._path))
                self._path.chmod(0o660)
                self._server = await asyncio.start_unix_server(self._visitors, sock=listener, limit=MAX_LINE)
                at_failure.pop_all()
        except OSError as error:
            raise LinkError(f"{self._path}: cannot listen here ({error}); set home.runtime_dir to another") from error

    async def close(self) -> None:
        """Send sense away and remove the socket. `gone` is not told."""
        if self._server is None:
            return
        self._server.close()
        self._closed = True
        if self._reading:
            # What sense has said is taken in to the end.
            if self._writer:
                self._writer.transport.abort()
            await asyncio.wait([self._reading], timeout=WRITE_S)
        await self._visitors.send_away()
        self._path.unlink(missing_ok=True)
        self._server = None

    async def send(self, message: FromHub) -> None:
        """Raises LinkError when no sense is there, or when it did not take the line within WRITE_S."""
        writer = self._writer
        if writer is None or writer.is_closing():
            raise LinkError("sense is away")
        try:
            writer.write(link.encode(message))
            async with asyncio.timeout(WRITE_S):
                await writer.drain()
        except (OSError, TimeoutError) as error:
            writer.transport.abort()
            raise LinkError("sense does not read; it was let go") from error

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. It is the sense from its Hello on: a mere look at the door keeps nobody out."""
        messages = self._messages(reader)
        try:
            hello = await self._first(messages)
        except (LinkError, TimeoutError) as error:
            _log.warning("the door was closed: %s", str(error) or "nobody said hello")
            hello = None
        if hello is None:
            writer.transport.abort()
            return
        self._writer, self._reading, self._silent = writer, asyncio.current_task(), False
        beating = asyncio.create_task(self._beat(writer))
        why = "it was let go"
        try:
            await self._heard(hello)
            async for message in messages:
                await self._heard(message)
            why = f"no word for {SILENCE_S:g} s" if self._silent else "it closed the door"
        except LinkError as error:
            why = str(error)
            _log.warning("the door was closed: %s", why)
        finally:
            beating.cancel()
            writer.transport.abort()
            self._writer = self._reading = None
        if not self._closed:
            await self._gone(why)

    async def _first(self, messages: AsyncIterator[FromSense]) -> Hello | None:
        """The Hello; None when it left without a word. Raises LinkError, and TimeoutError after SILENCE_S."""
        if self._writer is None:
            async with asyncio.timeout(SILENCE_S):
                hello = await anext(messages, None)
            if hello is None:
                return None
            if not isinstance(hello, Hello):
                raise LinkError(f"sense began with a {type(hello).__name__}, not with a Hello")
            if self._writer is None:
                return hello
        raise LinkError("a second sense came while one is there; it was refused")

    async def _messages(self, reader: asyncio.StreamReader) -> AsyncIterator[FromSense]:
        """Until the connection ends. Raises LinkError at the first line that is none."""
        while True:
            try:
                line = await reader.readline()
            except ValueError as error:
                raise LinkError(f"sense sent a line of more than {MAX_LINE} bytes") from error
            except OSError:
                return
            if not line.endswith(b"\n"):
                return
            message = link.from_sense(line)
            _check(message)
            self._last_line_s = time.monotonic()
            yield message

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        """Heartbeat, and the ear for silence."""
        beats = 0
        while True:
            if beats % 2 == 0:
                with contextlib.suppress(LinkError):  # the reading side sees the abort as the end
                    await self.send(Beat())
            beats += 1
            await asyncio.sleep(HEARTBEAT_S / 2)
            if self._is_silent():
                # The hub itself may have slept: what already lies in the socket is read before the second look.
                await asyncio.sleep(0.05)
                if self._is_silent():
                    self._silent = True
                    writer.transport.abort()
                    return

    def _is_silent(self) -> bool:
        return time.monotonic() - self._last_line_s > SILENCE_S


def _check(message: FromSense) -> None:
    """What the types of the door do not say. Raises LinkError."""
    if not isinstance(message, MoodSaid):
        return
    mood = message.mood
    shares = [mood.confidence, *mood.probabilities, *(s.confidence for s in (mood.face, mood.voice) if s)]
    if len(mood.probabilities) != len(EMOTIONS) or not all(0 <= share <= 1 for share in shares):
        raise LinkError("sense sent a mood whose probabilities are none")
    if not (-1 <= mood.valence <= 1 and -1 <= mood.arousal <= 1):
        raise LinkError(f"sense sent valence {mood.valence:g} and arousal {mood.arousal:g}; -1 to 1 are possible")
    if not (0 <= message.seq < 2**53 and 0 <= mood.people < 1000):
        raise LinkError(f"sense sent change {message.seq} with {mood.people} people; that cannot be")


def _remove_stale(path: Path) -> None:
    """Clear what a killed hub left at `path`. Raises LinkError when a living hub answers there, or it is no socket."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise LinkError(f"{path}: is there and is no socket; move it away or set home.runtime_dir")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            path.unlink(missing_ok=True)
            return
        except (BlockingIOError, TimeoutError):
            pass  # its queue is full: somebody listens
    raise LinkError(f"{path}: another hub is running; stop it, or give this one its own home.runtime_dir")

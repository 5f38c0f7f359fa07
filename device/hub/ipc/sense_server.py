"""The hub's end of the socket to `sense`: one sense at a time, a heartbeat both ways, nothing that blocks the hub."""

import asyncio
import contextlib
import itertools
import logging
import socket
import stat
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path

from device.emotions import EMOTIONS
from device.errors import LinkError
from device.hub.ipc.text_limiter import TextLimiter
from device.hub.ipc.unix_server import UnixServer
from device.ipc import messages
from device.ipc.messages import HEARTBEAT_S, MAX_LINE, PEER_TIMEOUT_S, Beat, Hello, HubMessage, MoodUpdate, SenseMessage
from device.settings import locations

_log = logging.getLogger(__name__)

WRITE_S = 1.0
"""The connection is closed if sense has not taken a line within this."""


class SenseServer:
    """Listens in `runtime_dir` from `open` to `close`.

    `on_message` gets every message in order, a Hello first; the next line is read when it returns. `on_disconnect`
    gets the reason, once for each Hello.
    """

    def __init__(
        self,
        runtime_dir: Path,
        on_message: Callable[[SenseMessage], Awaitable[None]],
        on_disconnect: Callable[[str], Awaitable[None]],
        greeting: Callable[[], Sequence[HubMessage]] = lambda: (),
    ) -> None:
        """`greeting`: what sense gets after its Hello, before any other message."""
        self._path = locations.socket_path(runtime_dir)
        self._on_message = on_message
        self._on_disconnect = on_disconnect
        self._greeting = greeting
        self._limiter = TextLimiter()
        self._server = UnixServer(self._path, self._serve, max_line=MAX_LINE)
        self._writer: asyncio.StreamWriter | None = None
        self._session: asyncio.Task[None] | None = None
        self.last_line_s = 0.0
        """When the last line came, CLOCK_MONOTONIC; 0.0 before the first."""
        self._is_timed_out = self._is_closed = False

    async def open(self) -> None:
        """Bind and listen.

        Raises LinkError when another hub is running or the folder cannot be used, SettingsError when it is not ours.
        """
        try:
            locations.make_runtime_folder(self._path.parent)
            _remove_stale(self._path)
            await self._server.open()
        except OSError as error:
            raise LinkError(f"{self._path}: cannot listen here ({error}); set home.runtime_dir to another") from error

    async def close(self) -> None:
        """Disconnect sense and remove the socket. `on_disconnect` is not called."""
        self._server.stop_listening()
        self._is_closed = True
        if self._session:
            # Lines that have arrived are still processed.
            if self._writer:
                self._writer.transport.abort()
            await asyncio.wait([self._session], timeout=WRITE_S)
        await self._server.close()

    async def send(self, message: HubMessage) -> None:
        """Raises LinkError when no sense is connected, or when it did not take the line within WRITE_S."""
        writer = self._writer
        if writer is None or writer.is_closing():
            raise LinkError("sense is away")
        try:
            writer.write(messages.encode(message))
            async with asyncio.timeout(WRITE_S):
                await writer.drain()
        except (OSError, TimeoutError) as error:
            writer.transport.abort()
            raise LinkError("sense does not read; the connection was closed") from error

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. It counts as the sense only from its Hello on, so a mere connect keeps nobody out."""
        lines = self._messages(reader)
        try:
            hello = await self._read_hello(lines)
        except (LinkError, TimeoutError) as error:
            _log.warning("connection closed: %s", str(error) or "no Hello came")
            hello = None
        if hello is None:
            writer.transport.abort()
            return
        self._writer, self._session, self._is_timed_out = writer, asyncio.current_task(), False
        writer.write(b"".join(messages.encode(message) for message in self._greeting()))
        heartbeat = asyncio.create_task(self._beat(writer))
        try:
            await self._on_message(hello)
            async for message in lines:
                await self._on_message(message)
            why = f"no message for {PEER_TIMEOUT_S:g} s" if self._is_timed_out else "it closed the connection"
        except LinkError as error:
            why = str(error)
            _log.warning("connection closed: %s", why)
        finally:
            heartbeat.cancel()
            writer.transport.abort()
            self._writer = self._session = None
        if not self._is_closed:
            await self._on_disconnect(why)

    async def _read_hello(self, lines: AsyncIterator[SenseMessage]) -> Hello | None:
        """The Hello; None when it left without a message. Raises LinkError, and TimeoutError after PEER_TIMEOUT_S."""
        if self._writer is None:
            async with asyncio.timeout(PEER_TIMEOUT_S):
                hello = await anext(lines, None)
            if hello is None:
                return None
            if not isinstance(hello, Hello):
                raise LinkError(f"sense began with a {type(hello).__name__}, not with a Hello")
            if self._writer is None:
                return hello
        raise LinkError("a second sense connected while one is there; it was refused")

    async def _messages(self, reader: asyncio.StreamReader) -> AsyncIterator[SenseMessage]:
        """Every message until the connection ends. Raises LinkError at the first malformed line."""
        while True:
            try:
                line = await reader.readline()
            except ValueError as error:
                raise LinkError(f"sense sent a line of more than {MAX_LINE} bytes") from error
            except OSError:
                return
            if not line.endswith(b"\n"):
                return
            message = messages.decode_sense_message(line)
            _check(message)
            message = self._limiter.limit(message)
            self.last_line_s = time.monotonic()
            yield message

    async def _beat(self, writer: asyncio.StreamWriter) -> None:
        """Send heartbeats, and close the connection when sense is silent."""
        for tick in itertools.count():
            if tick % 2 == 0:
                with contextlib.suppress(LinkError):  # `send` has closed the connection, which ends `_serve`
                    await self.send(Beat())
            await asyncio.sleep(HEARTBEAT_S / 2)
            if self._is_silent():
                # The hub itself may have been suspended: read what is already in the socket, then check again.
                await asyncio.sleep(0.05)
                if self._is_silent():
                    self._is_timed_out = True
                    writer.transport.abort()
                    return

    def _is_silent(self) -> bool:
        return time.monotonic() - self.last_line_s > PEER_TIMEOUT_S


def _check(message: SenseMessage) -> None:
    """Check the ranges that the message types do not express. Raises LinkError."""
    if not isinstance(message, MoodUpdate):
        return
    mood = message.mood
    shares = [mood.confidence, *mood.probabilities, *(s.confidence for s in (mood.face, mood.voice) if s)]
    if len(mood.probabilities) != len(EMOTIONS) or not all(0 <= share <= 1 for share in shares):
        raise LinkError("sense sent a mood whose probabilities are not seven numbers from 0 to 1")
    if not (-1 <= mood.valence <= 1 and -1 <= mood.arousal <= 1):
        raise LinkError(f"sense sent valence {mood.valence:g} and arousal {mood.arousal:g}; both must be -1 to 1")
    if not (0 <= message.seq < 2**53 and 0 <= mood.people < 1000):
        raise LinkError(f"sense sent change {message.seq} with {mood.people} people; that is impossible")


def _remove_stale(path: Path) -> None:
    """Remove the socket of a killed hub. Raises LinkError when a running hub answers there, or it is not a socket."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise LinkError(f"{path}: this is not a socket; move it away or set home.runtime_dir")
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

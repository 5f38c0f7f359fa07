"""The hub's end of the live view: the socket that brings pictures, and the viewers who watch them.

It listens only if the settings allow the live view. The hub decodes only the header, and keeps only the newest picture,
for as long as it is fresh and somebody watches.
"""

import asyncio
import contextlib
import logging
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from device.errors import LinkError
from device.hub.ipc.unix_server import UnixServer
from device.hub.state.store import Latest, Subscription
from device.ipc.live_view import LENGTHS, RENEW_S, WATCH_S, check_lengths, check_picture
from device.ipc.messages import HubMessage, Watch
from device.settings.locations import live_path

_log = logging.getLogger(__name__)

FIRST_PICTURE_S = 3.0
"""A new connection must send its first picture within this time."""
NEXT_PICTURE_S = 10.0
"""Sense is disconnected after this time without a complete picture. It reconnects when it has one."""
FRESH_S = 1.5
"""An older picture is no longer shown."""


class LiveViewServer:
    """Passes pictures from sense to viewers, from `open` to `close`. Without `is_allowed` there is no socket.

    `send` sends a message to sense and raises LinkError while it is away. `on_watchers` gets the number of viewers
    whenever it changes.
    """

    def __init__(
        self,
        runtime_dir: Path,
        send: Callable[[HubMessage], Awaitable[None]],
        on_watchers: Callable[[int], None],
        *,
        is_allowed: bool,
        first_picture_s: float = FIRST_PICTURE_S,
    ) -> None:
        self.is_allowed = is_allowed
        self.is_closed = False
        self.first_picture_s = first_picture_s
        self._path = live_path(runtime_dir)
        self._send = send
        self._on_watchers = on_watchers
        self._latest: Latest[bytes | None] = Latest(None)
        self._watchers_changed = asyncio.Event()
        self._server = UnixServer(self._path, self._serve)
        self._sense: asyncio.StreamWriter | None = None
        self._received_s = 0.0

    @property
    def picture(self) -> bytes | None:
        """The newest picture in the form that viewers receive, while it is fresh."""
        return self._latest.value

    @property
    def watchers(self) -> int:
        """How many people watch now."""
        return self._latest.subscribers

    async def open(self) -> None:
        """Listen, if allowed. Call it after SenseServer.open: then any socket at this path belongs to a dead hub.

        Raises LinkError when something else is at this path.
        """
        try:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISSOCK(self._path.lstat().st_mode):
                    self._path.unlink()
            if self.is_allowed:
                await self._server.open()
        except OSError as error:
            raise LinkError(f"{self._path}: cannot listen here ({error}); move away what is there") from error

    async def close(self) -> None:
        """Disconnect viewers and sense, and remove the socket."""
        self.is_closed = True
        self._show(None)
        await self._server.close()

    @contextlib.contextmanager
    def watch(self, viewer: str) -> Iterator[Subscription[bytes | None]]:
        """A viewer's subscription, until the end of the block; the log names the `viewer`.

        It yields the header's length (4 bytes, big-endian), the header and the JPEG, or None when there is no picture.
        """
        try:
            with self._latest.subscribe() as subscription:
                self._report_watchers("%s watches the live view; %d watching", viewer)
                yield subscription
        finally:
            self._report_watchers("%s no longer watches the live view; %d watching", viewer)

    def _report_watchers(self, text: str, viewer: str) -> None:
        _log.info(text, viewer, self.watchers)
        self._on_watchers(self.watchers)
        self._watchers_changed.set()

    async def run(self) -> None:
        """Keep telling sense whether somebody is watching, and drop old pictures."""
        is_watched = False
        while True:
            self._watchers_changed.clear()
            if self.watchers or is_watched:
                is_watched = bool(self.watchers)
                with contextlib.suppress(LinkError):  # sense is away; it is asked again when it is back
                    await self._send(Watch(WATCH_S if is_watched else 0.0))
            if self.picture and (not is_watched or time.monotonic() - self._received_s > FRESH_S):
                self._show(None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_S):
                    await self._watchers_changed.wait()

    def _show(self, picture: bytes | None) -> None:
        self._received_s = time.monotonic()
        self._latest.set(picture)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. It counts as the sense from its first whole picture on."""
        try:
            while True:
                picture = await _read(reader, NEXT_PICTURE_S if self._sense is writer else self.first_picture_s)
                if self._sense not in (None, writer):
                    raise LinkError("a second sense connected while one is there; it was refused")
                self._sense = writer
                self._show(picture if self.watchers else None)
        except LinkError as error:
            _log.warning("live view: the connection was closed: %s", error)
        except TimeoutError:
            _log.info("live view: no picture came for a while; the connection was closed")
        except (OSError, EOFError):
            _log.debug("live view: sense disconnected")
        finally:
            writer.transport.abort()
            if self._sense is writer:
                self._sense = None
                self._show(None)


async def _read(reader: asyncio.StreamReader, timeout_s: float) -> bytes:
    """One picture as viewers get it. Raises LinkError, TimeoutError, and EOFError or OSError at the end."""
    async with asyncio.timeout(timeout_s):
        header_bytes, jpeg_bytes = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
        check_lengths(header_bytes, jpeg_bytes)
        header = await reader.readexactly(header_bytes)
        jpeg = await reader.readexactly(jpeg_bytes)
    check_picture(header, jpeg)
    return b"".join((header_bytes.to_bytes(4, "big"), header, jpeg))

"""The live view, hub's side: the socket that pictures come by, and who looks at them.

It listens only while the settings open the view. Nothing is decoded here but the header, and nothing is kept but the
newest picture, for as long as it is fresh and somebody looks.
"""

import asyncio
import contextlib
import logging
import socket
import stat
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

from device.errors import LinkError
from device.hub.ipc.unix_server import UnixServer
from device.ipc.live_view import LENGTHS, RENEWED_S, WATCH_S, check_lengths, check_picture
from device.ipc.messages import FromHub, Watch
from device.settings.locations import live_path

_log = logging.getLogger(__name__)

FIRST_S = 3.0
"""A connection that has brought no picture within this is no sense, and keeps the place from none."""
SILENT_S = 10.0
"""A sense that has sent none for so long, or half of one, is let go; it comes back when it has something."""
FRESH_S = 1.5
"""An older picture is not shown as the present."""


class Subscription:
    """One who looks. A slow one misses pictures; it always gets the newest."""

    def __init__(self, live: "LiveViewServer") -> None:
        self._live = live
        self._news = asyncio.Event()
        self._news.set()

    def wake(self) -> None:
        """Called by the live view."""
        self._news.set()

    async def newest(self) -> bytes | None:
        """The header's length (4 bytes, big-endian), the header, the JPEG; None when there is no picture any more.

        Waits for news since the last call; the first returns at once.
        """
        await self._news.wait()
        self._news.clear()
        return self._live.picture


class LiveViewServer:
    """From `open` to `close`; without `allowed` there is no socket, and nobody may look.

    `send` passes a word to sense and raises LinkError while it is away; `watching` is told how many look.
    """

    def __init__(
        self,
        runtime_dir: Path,
        send: Callable[[FromHub], Awaitable[None]],
        watching: Callable[[int], None],
        *,
        allowed: bool,
    ) -> None:
        self.allowed = allowed
        self.closed = False
        self.picture: bytes | None = None
        """The newest, as a viewer gets it, while it is fresh."""
        self._path = live_path(runtime_dir)
        self._send, self._watching = send, watching
        self._viewers: set[Subscription] = set()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._sense: asyncio.StreamWriter | None = None
        self._visitors = UnixServer(self._serve)
        self._came_s = 0.0

    @property
    def watchers(self) -> int:
        """How many look now."""
        return len(self._viewers)

    async def open(self) -> None:
        """Listen, where it is allowed. To be called when the door is open: then a socket here is a dead hub's.

        Raises LinkError when the place is taken by something else.
        """
        try:
            with contextlib.suppress(FileNotFoundError):
                if stat.S_ISSOCK(self._path.lstat().st_mode):
                    self._path.unlink()
            if not self.allowed:
                return
            with contextlib.ExitStack() as at_failure:
                listener = at_failure.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
                # The mode is set between bind and listen, so that nobody can come in before it.
                listener.bind(str(self._path))
                self._path.chmod(0o660)
                self._server = await asyncio.start_unix_server(self._visitors, sock=listener)
                at_failure.pop_all()
        except OSError as error:
            raise LinkError(f"{self._path}: cannot listen here ({error}); move away what is there") from error

    async def close(self) -> None:
        """Send viewers and sense away, and remove the socket."""
        self.closed = True
        self._show(None)
        if self._server is None:
            return
        self._server.close()
        await self._visitors.send_away()
        self._path.unlink(missing_ok=True)
        self._server = None

    @contextlib.contextmanager
    def looking(self, who: str) -> Iterator[Subscription]:
        """A viewer, for as long as the block lasts; `who` is for the log."""
        viewer = Subscription(self)
        self._viewers.add(viewer)
        self._count("%s looks at the live view; %d watching", who)
        try:
            yield viewer
        finally:
            self._viewers.discard(viewer)
            self._count("%s no longer looks at the live view; %d watching", who)

    def _count(self, text: str, who: str) -> None:
        _log.info(text, who, self.watchers)
        self._watching(self.watchers)
        self._changed.set()

    async def run(self) -> None:
        """Keep sense told whether somebody looks, and let go of a picture that is old."""
        asked = False
        while True:
            self._changed.clear()
            if self._viewers or asked:
                asked = bool(self._viewers)
                with contextlib.suppress(LinkError):  # sense is away; it is asked again when it is back
                    await self._send(Watch(WATCH_S if asked else 0.0))
            if self.picture and (not asked or time.monotonic() - self._came_s > FRESH_S):
                self._show(None)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEWED_S):
                    await self._changed.wait()

    def _show(self, picture: bytes | None) -> None:
        self.picture = picture
        self._came_s = time.monotonic()
        for viewer in self._viewers:
            viewer.wake()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection. It is the sense from its first whole picture on."""
        try:
            while True:
                picture = await _received(reader, SILENT_S if self._sense is writer else FIRST_S)
                if self._sense not in (None, writer):
                    raise LinkError("a second sense came while one is there; it was refused")
                self._sense = writer
                self._show(picture if self._viewers else None)
        except LinkError as error:
            _log.warning("live view: the connection was closed: %s", error)
        except TimeoutError:
            _log.info("live view: nothing came for a while; the connection was closed")
        except (OSError, EOFError):
            _log.debug("live view: sense hung up")
        finally:
            writer.transport.abort()
            if self._sense is writer:
                self._sense = None
                self._show(None)


async def _received(reader: asyncio.StreamReader, limit_s: float) -> bytes:
    """One picture as viewers get it. Raises LinkError, TimeoutError, and EOFError or OSError at the end."""
    async with asyncio.timeout(limit_s):
        head_bytes, jpeg_bytes = LENGTHS.unpack(await reader.readexactly(LENGTHS.size))
        check_lengths(head_bytes, jpeg_bytes)
        head = await reader.readexactly(head_bytes)
        jpeg = await reader.readexactly(jpeg_bytes)
    check_picture(head, jpeg)
    return b"".join((head_bytes.to_bytes(4, "big"), head, jpeg))

"""Sense's side of the door: it comes back by itself, and keeps each change until `hub` has stored it."""

import logging
import selectors
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from device.errors import LinkError
from device.ipc.messages import (
    HEARTBEAT_S,
    MAX_LINE,
    SILENCE_S,
    Ack,
    ClearBaseline,
    FromSense,
    Health,
    Hello,
    MoodSaid,
    RecordBaseline,
    SetHold,
    SetSwitch,
    Watch,
    encode,
    from_hub,
)
from device.readings import Mood

_log = logging.getLogger(__name__)

OUTBOX = 4096
"""Changes kept while `hub` is away: hours of a lively room. Then the oldest go, and are counted."""
_RETRY_S = 0.5
_GRACE_S = 1.5


CommandHandler = SetSwitch | SetHold | RecordBaseline | ClearBaseline | Watch
"""What `hub` may ask for."""


class HubClient:
    """A thread that talks to `hub`. Nothing here blocks the one who calls `say` or `health`."""

    def __init__(self, path: Path, hello: Hello, on_command: Callable[[CommandHandler], None]) -> None:
        """`on_command` is called in the door's thread."""
        self._path = path
        self._hello = hello
        self._on_command = on_command
        self._lock = threading.Lock()
        self._outbox: deque[MoodSaid] = deque()
        self._refresh: MoodSaid | None = None
        self._health: Health | None = None
        self._seq = 0
        self.lost = 0
        """Changes that went out of the outbox unread."""
        self.connected = False
        self._stopped = threading.Event()
        self._bell, self._ringer = socket.socketpair()
        self._ringer.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="door", daemon=True)

    def start(self) -> None:
        """Begin to connect."""
        self._thread.start()

    def stop(self) -> None:
        """Say what is still to be said, if `hub` is there, and end."""
        self._stopped.set()
        self._ring()
        self._thread.join(2.0)
        self._bell.close()
        self._ringer.close()

    def say(self, mood: Mood, *, changed: bool) -> None:
        """Send a mood: a change is kept until it is stored, of refreshes only the newest counts."""
        with self._lock:
            if changed:
                self._seq += 1
                self._outbox.append(MoodSaid(self._hello.session, self._seq, mood))
                if len(self._outbox) > OUTBOX:
                    self._outbox.popleft()
                    self.lost += 1
            else:
                self._refresh = MoodSaid(self._hello.session, 0, mood)
        self._ring()

    def health(self, health: Health) -> None:
        """Send the newest health, which is the heartbeat too."""
        with self._lock:
            self._health = health
        self._ring()

    def _ring(self) -> None:
        try:
            self._ringer.send(b"!")
        except BlockingIOError:
            pass  # it has been rung often enough
        except OSError:
            _log.debug("the door is closed")

    def _run(self) -> None:
        told_s = time.monotonic() + _GRACE_S  # at the start both come up at once, and either may be first
        told = False
        while not self._stopped.is_set():
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                    line.settimeout(1.0)
                    line.connect(str(self._path))
                    self._talk(line)
            except (OSError, LinkError) as error:
                if self.connected or (not told and time.monotonic() > told_s):
                    _log.warning("hub is away (%s); changes are kept until it is back", error)
                    told = True
            self.connected = False
            self._stopped.wait(_RETRY_S)

    def _talk(self, line: socket.socket) -> None:
        """One connection, until it fails or we stop. Raises OSError and LinkError."""
        line.sendall(encode(self._hello))
        sent, heard_s, rest = 0, time.monotonic(), b""
        with selectors.DefaultSelector() as ready:
            ready.register(line, selectors.EVENT_READ)
            ready.register(self._bell, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select(HEARTBEAT_S):
                    if key.fileobj is self._bell:
                        self._bell.recv(4096)
                    else:
                        rest = self._read(line, rest)
                        heard_s = time.monotonic()
                if time.monotonic() - heard_s > SILENCE_S:
                    raise OSError(f"nothing heard from it for {SILENCE_S} s")
                for message in self._pending(sent):
                    line.sendall(encode(message))
                    if isinstance(message, MoodSaid):
                        sent = max(sent, message.seq)
                if self._stopped.is_set():
                    return

    def _read(self, line: socket.socket, rest: bytes) -> bytes:
        """Take what has come; returns the beginning of a line that is not whole yet."""
        piece = line.recv(65_536)
        if not piece:
            raise OSError("it closed the connection")
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > MAX_LINE:
            raise LinkError(f"hub sent a line of over {MAX_LINE} bytes")
        for received in lines:
            self._take(received)
        return rest

    def _take(self, received: bytes) -> None:
        message = from_hub(received)
        if not self.connected:
            # Only now: a listener that never answers is no hub.
            _log.info("hub is there")
            self.connected = True
        if isinstance(message, Ack) and message.session == self._hello.session:
            with self._lock:
                while self._outbox and self._outbox[0].seq <= message.seq:
                    self._outbox.popleft()
        elif isinstance(message, CommandHandler):
            self._on_command(message)

    def _pending(self, sent: int) -> list[FromSense]:
        """What has not been sent on this connection yet: changes in order, then the newest of the rest."""
        with self._lock:
            waiting: list[FromSense] = [m for m in self._outbox if m.seq > sent]
            waiting += [m for m in (self._refresh, self._health) if m is not None]
            self._refresh = self._health = None
        return waiting

"""The connection to `hub`: reconnects by itself, and keeps each change until `hub` has stored it."""

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
    PEER_TIMEOUT_S,
    Ack,
    Health,
    Hello,
    HubMessage,
    MoodUpdate,
    SenseCommand,
    SenseMessage,
    decode_hub_message,
    encode,
)
from device.readings import Mood
from device.system.peer import check_peer

_log = logging.getLogger(__name__)

MAX_OUTBOX = 4096
"""Changes kept while `hub` is away: hours of a lively room. Beyond that, the oldest are dropped and counted."""


class HubClient:
    """A thread that talks to `hub`. No method blocks, apart from `stop`."""

    def __init__(
        self,
        path: Path,
        hello: Hello,
        execute: Callable[[SenseCommand], None],
        max_outbox: int = MAX_OUTBOX,
        retry_s: float = 0.5,
    ) -> None:
        """`execute` is called in the client's own thread."""
        self._path, self._hello, self._execute = path, hello, execute
        self._max_outbox = max_outbox
        self._retry_s = retry_s
        self._lock = threading.Lock()
        self._outbox: deque[MoodUpdate] = deque()
        self._refresh: MoodUpdate | None = None
        self._health: Health | None = None
        self._seq = 0
        self.lost_changes = 0
        """Changes that were dropped from a full outbox."""
        self.connected = False
        self.handed_over = threading.Event()
        """Set once `hub` has sent the switches that were thrown while this process was not there."""
        self._stopped = threading.Event()
        self._wake_receiver, self._wake_sender = socket.socketpair()
        self._wake_sender.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="hub-client", daemon=True)

    def start(self) -> None:
        """Start connecting."""
        self._thread.start()

    def stop(self) -> None:
        """Send pending messages, if `hub` is connected, and end."""
        self._stopped.set()
        self._wake()
        self._thread.join(2.0)
        self._wake_receiver.close()
        self._wake_sender.close()

    def send_mood(self, mood: Mood, *, changed: bool) -> None:
        """Send a mood. A change is kept until `hub` has stored it; a refresh replaces the one before."""
        with self._lock:
            if changed:
                self._seq += 1
                self._outbox.append(MoodUpdate(self._hello.session, self._seq, mood))
                if len(self._outbox) > self._max_outbox:
                    self._outbox.popleft()
                    self.lost_changes += 1
            else:
                self._refresh = MoodUpdate(self._hello.session, 0, mood)
        self._wake()

    def send_health(self, health: Health) -> None:
        """Send the newest health, which is the heartbeat too."""
        with self._lock:
            self._health = health
        self._wake()

    def _wake(self) -> None:
        try:
            self._wake_sender.send(b"!")
        except BlockingIOError:
            pass  # enough wake-ups are waiting
        except OSError:
            _log.debug("the client has stopped")

    def _run(self) -> None:
        warn_after_s = time.monotonic() + 1.5  # both processes start together, in any order
        warned = False
        while not self._stopped.is_set():
            try:
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
                    connection.settimeout(1.0)
                    connection.connect(str(self._path))
                    check_peer(connection)
                    self._exchange(connection)
            except (OSError, LinkError) as error:
                if self.connected or (not warned and time.monotonic() > warn_after_s):
                    _log.warning("hub is away (%s); changes are kept until it is back", error)
                    warned = True
            self.connected = False
            self._stopped.wait(self._retry_s)

    def _exchange(self, connection: socket.socket) -> None:
        """Serve one connection until it fails or we stop. Raises OSError and LinkError."""
        connection.sendall(encode(self._hello))
        sent_seq, received_s, rest = 0, time.monotonic(), b""
        with selectors.DefaultSelector() as selector:
            selector.register(connection, selectors.EVENT_READ)
            selector.register(self._wake_receiver, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(HEARTBEAT_S):
                    if key.fileobj is self._wake_receiver:
                        self._wake_receiver.recv(4096)
                    else:
                        rest = self._receive(connection, rest)
                        received_s = time.monotonic()
                if time.monotonic() - received_s > PEER_TIMEOUT_S:
                    raise OSError(f"no message from it for {PEER_TIMEOUT_S} s")
                for message in self._take_pending(sent_seq):
                    connection.sendall(encode(message))
                    if isinstance(message, MoodUpdate):
                        sent_seq = max(sent_seq, message.seq)
                if self._stopped.is_set():
                    return

    def _receive(self, connection: socket.socket, rest: bytes) -> bytes:
        """Handle the lines that have arrived. Returns the start of an incomplete line."""
        chunk = connection.recv(65_536)
        if not chunk:
            raise OSError("it closed the connection")
        *lines, rest = (rest + chunk).split(b"\n")
        if len(rest) > MAX_LINE:
            raise LinkError(f"hub sent a line of over {MAX_LINE} bytes")
        for line in lines:
            self._handle(decode_hub_message(line))
        return rest

    def _handle(self, message: HubMessage) -> None:
        if not self.connected:
            # Not earlier: a listener that never answers is not a hub.
            _log.info("connected to hub")
            self.connected = True
        if isinstance(message, Ack) and message.session == self._hello.session:
            with self._lock:
                while self._outbox and self._outbox[0].seq <= message.seq:
                    self._outbox.popleft()
        if isinstance(message, SenseCommand):
            self._execute(message)
        else:
            self.handed_over.set()

    def _take_pending(self, sent_seq: int) -> list[SenseMessage]:
        """Everything not sent on this connection yet: changes in order, then the newest refresh and health."""
        with self._lock:
            pending: list[SenseMessage] = [change for change in self._outbox if change.seq > sent_seq]
            pending += [message for message in (self._refresh, self._health) if message is not None]
            self._refresh = self._health = None
        return pending

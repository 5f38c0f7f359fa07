"""Login sessions, identified by random tokens. Only hashes of the tokens are stored. Sessions survive a restart."""

import asyncio
import contextlib
import hashlib
import logging
import secrets
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from device.system.clock import WallClock
from device.system.state_file import StateFile

_log = logging.getLogger(__name__)

FILE_NAME = "sessions.json"
SESSION_S = 30 * 86_400
MAX_SESSIONS = 64
"""A new session beyond this removes the oldest."""


class _Session(Struct, frozen=True, rename={"password_id": "mark"}):
    token_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    password_id: str
    """Identifies the password that opened the session."""
    since_utc_s: float
    is_kiosk: bool = False
    """Of this device's own screen, which has no keyboard: it does not expire."""


class Sessions:
    """The sessions, each valid only for the password it was opened with. A session's name is its token's hash."""

    def __init__(self, state_dir: Path, clock: WallClock | None = None) -> None:
        effect = "everybody has to log in again"
        self._file = StateFile(state_dir / FILE_NAME, list[_Session], effect, max_bytes=65_536)
        sessions = self._file.load(list[_Session]())[-MAX_SESSIONS:]
        self._sessions = {session.token_sha256: session for session in sessions}
        self._connections: defaultdict[str, set[asyncio.Transport | None]] = defaultdict(set)
        self._save_lock = asyncio.Lock()
        self._clock = clock or WallClock()
        self._recent: set[str] = set()
        """Sessions opened since this process started, whose times can be corrected when the clock is set."""
        self._is_dirty = False

    async def create(self, password_id: str, *, is_kiosk: bool = False) -> str:
        """Open a session; returns its token. One of the kiosk lasts until the password changes."""
        token = secrets.token_urlsafe(32)
        name = _hash_token(token)
        self._correct_times()
        self._sessions[name] = _Session(name, password_id, self._clock.utc_s, is_kiosk)
        self._recent.add(name)
        for old in list(self._sessions)[:-MAX_SESSIONS]:
            self._remove(old)
        await self._save()
        return token

    def find(self, token: str, password_id: str) -> str:
        """The name of a valid session; "" for any other token."""
        name = _hash_token(token)
        self._correct_times()
        session = self._sessions.get(name)
        if not session or not password_id or session.password_id != password_id:
            return ""
        is_valid = session.is_kiosk or self._clock.utc_s - session.since_utc_s <= SESSION_S
        return name if is_valid else ""

    async def adjust_to_clock(self) -> None:
        """Save the times that changed because the clock was set. Call it regularly."""
        self._correct_times()
        if self._is_dirty:
            self._is_dirty = False
            await self._save()

    async def end(self, name: str, exempt: asyncio.Transport | None = None) -> None:
        """Log out. Aborts the session's connections, except `exempt`, which still needs its answer."""
        self._connections[name].discard(exempt)
        self._remove(name)
        await self._save()

    async def keep_only(self, password_id: str) -> None:
        """Abort all connections, since the password has changed, and end the sessions of other passwords.

        "" means that no password can be read: the sessions are kept, but are invalid until one can.
        """
        for name in list(self._connections):
            self._abort_connections(name)
        if password_id:
            self._sessions = {name: one for name, one in self._sessions.items() if one.password_id == password_id}
            await self._save()

    @contextlib.contextmanager
    def track(self, name: str, transport: asyncio.Transport | None) -> Iterator[None]:
        """Register a request's connection while it is answered, so that ending its session aborts it."""
        self._connections[name].add(transport)
        try:
            yield
        finally:
            self._connections[name].discard(transport)
            if not self._connections[name]:
                del self._connections[name]

    def _correct_times(self) -> None:
        """Move the start of recent sessions with the clock when it is set, so that a wrong clock does not end them."""
        if not (jump_s := self._clock.read_jump_s()):
            return
        for name in self._recent & self._sessions.keys():
            session = self._sessions[name]
            self._sessions[name] = msgspec.structs.replace(session, since_utc_s=session.since_utc_s + jump_s)
            self._is_dirty = True

    def _remove(self, name: str) -> None:
        self._sessions.pop(name, None)
        self._recent.discard(name)
        self._abort_connections(name)

    def _abort_connections(self, name: str) -> None:
        for transport in filter(None, tuple(self._connections.get(name, ()))):
            transport.abort()

    async def _save(self) -> None:
        async with self._save_lock:
            try:
                await asyncio.to_thread(self._file.save, list(self._sessions.values()))
            except OSError as error:
                _log.warning("%s: cannot be written (%s); a restart ends the sessions", self._file.path, error)


def _hash_token(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

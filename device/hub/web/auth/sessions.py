"""Who has logged in: a random token each, of which only a hash is kept, over a restart too."""

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
from device.system.state_file import keep

_log = logging.getLogger(__name__)

FILE_NAME = "sessions.json"
KEPT_S = 30 * 86_400
MAX_SESSIONS = 64
"""The oldest goes."""
_MAX_FILE = 65_536


class _Session(Struct, frozen=True):
    token_sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
    mark: str
    """Of the password that opened."""
    since_utc_s: float


class Sessions:
    """Those of the password with a mark; of another password, none counts."""

    def __init__(self, state_dir: Path, clock: WallClock | None = None) -> None:
        self._path = state_dir / FILE_NAME
        self._sessions = {one.token_sha256: one for one in self._read()[-MAX_SESSIONS:]}
        self._streams: defaultdict[str, set[asyncio.Transport | None]] = defaultdict(set)
        self._writing = asyncio.Lock()
        self._clock = clock or WallClock()
        self._ours: set[str] = set()
        """Those that began while this process runs, and so by a clock whose jumps are known."""
        self._moved = False

    async def begin(self, mark: str) -> str:
        """A new session's token."""
        token = secrets.token_urlsafe(32)
        name = _hashed(token)
        self._follow()
        self._sessions[name] = _Session(name, mark, self._clock.utc_s)
        self._ours.add(name)
        for old in list(self._sessions)[:-MAX_SESSIONS]:
            self._drop(old)
        await self._keep()
        return token

    def known(self, token: str, mark: str) -> str:
        """The name of a session that holds; empty for any other token."""
        name = _hashed(token)
        self._follow()
        session = self._sessions.get(name)
        if not session or not mark or session.mark != mark or self._clock.utc_s - session.since_utc_s > KEPT_S:
            return ""
        return name

    async def look(self) -> None:
        """Keep what the clock's being set has changed; to be called now and then."""
        self._follow()
        if self._moved:
            self._moved = False
            await self._keep()

    async def end(self, name: str, but: asyncio.Transport | None = None) -> None:
        """Log out: what it still reads is cut off, `but` for the connection that asks for it."""
        self._streams[name].discard(but)
        self._drop(name)
        await self._keep()

    async def only(self, mark: str) -> None:
        """The password is another one now, or, without a `mark`, none that can be read: everybody is cut off."""
        for name in list(self._streams):
            self._cut(name)
        if mark:
            self._sessions = {name: one for name, one in self._sessions.items() if one.mark == mark}
            await self._keep()

    @contextlib.contextmanager
    def reading(self, name: str, transport: asyncio.Transport | None) -> Iterator[None]:
        """While an answer is given: so long, the end of the session is the end of its connection."""
        self._streams[name].add(transport)
        try:
            yield
        finally:
            self._streams[name].discard(transport)
            if not self._streams[name]:
                del self._streams[name]

    def _follow(self) -> None:
        """A clock that was wrong at the login does not end it: only time that has passed does."""
        if not (jumped_s := self._clock.jumped_s()):
            return
        for name in self._ours & self._sessions.keys():
            one = self._sessions[name]
            self._sessions[name] = msgspec.structs.replace(one, since_utc_s=one.since_utc_s + jumped_s)
            self._moved = True

    def _drop(self, name: str) -> None:
        self._sessions.pop(name, None)
        self._ours.discard(name)
        self._cut(name)

    def _cut(self, name: str) -> None:
        for transport in tuple(self._streams.get(name, ())):
            if transport:
                transport.abort()

    def _read(self) -> list[_Session]:
        try:
            with self._path.open("rb") as file:
                return msgspec.json.decode(file.read(_MAX_FILE), type=list[_Session])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            _log.warning("%s: cannot be read (%s); everybody has to log in again", self._path, error)
            return []

    async def _keep(self) -> None:
        async with self._writing:
            try:
                await asyncio.to_thread(keep, self._path, list(self._sessions.values()))
            except OSError as error:
                _log.warning("%s: cannot be written (%s); a restart ends the sessions", self._path, error)


def _hashed(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()

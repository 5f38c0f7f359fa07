"""The lock of the house's page: one password, few tries, and never more than two of them in the works."""

import asyncio
import hashlib
import hmac
import logging
import os
from collections import OrderedDict
from pathlib import Path

from device.errors import SettingsError
from device.hub.web.auth.password import MAX_BYTES, Password, load
from device.hub.web.auth.rate_limit import LoginAttempts
from device.system.paths import stamp

_log = logging.getLogger(__name__)

AT_ONCE = 2
"""Hashes that are computed at a time: each takes 32 MiB, and a core."""
_MAX_KNOWN = 64


class Authenticator:
    """What the password's file says, looked at again by `look`."""

    def __init__(self, path: Path, tries: LoginAttempts | None = None) -> None:
        """Raises SettingsError where the file is missing or holds nothing to use."""
        self._path = path
        self._seen = stamp(path)
        self._password: Password | None = load(path)
        self._tries = tries or LoginAttempts()
        self._room = asyncio.Semaphore(AT_ONCE)
        self._key = os.urandom(32)
        self._known: OrderedDict[str, bytes] = OrderedDict()
        """Address -> a quick hash of what opened from there: a program that asks every second has no session."""
        self._under_way: dict[tuple[str, bytes], asyncio.Task[bool]] = {}
        """Tries that are not over: who asks the same from the same address meanwhile gets the same answer."""

    @property
    def mark(self) -> str:
        """Of the password that holds; empty while there is none, and nobody is let in."""
        return self._password.mark if self._password else ""

    async def opens(self, text: str, address: str) -> bool:
        """Whether `text` is the password. Raises TooManyError after too many wrong ones."""
        if len(text) > MAX_BYTES:
            text = ""
        quick = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key).digest()
        attempt = self._under_way.get((address, quick))
        if attempt is None:
            self._tries.look(address)
            if self._password and hmac.compare_digest(quick, self._known.get(address, b"")):
                return True
            self._tries.begin(address)
            attempt = asyncio.create_task(self._try(text, address, quick))
            self._under_way[address, quick] = attempt
            attempt.add_done_callback(lambda _: self._under_way.pop((address, quick)))
        return await asyncio.shield(attempt)  # one that leaves takes no answer from the others

    async def _try(self, text: str, address: str, quick: bytes) -> bool:
        async with self._room:
            password = self._password
            right = password is not None and await asyncio.to_thread(password.opens, text)
        if not right or password is not self._password:
            _log.warning("page: a wrong password from %s", address)
            return False
        self._tries.right(address)
        self._known[address] = quick
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)
        return True

    def look(self) -> bool:
        """Read the file again where it has changed; whether it had."""
        seen = stamp(self._path)
        if seen == self._seen:
            return False
        self._seen = seen
        self._known.clear()
        try:
            self._password = load(self._path)
            _log.info("page: the password has changed; every session has ended")
        except SettingsError as error:
            self._password = None
            _log.error("%s; until then, nobody is let in from the house", error)
        return True

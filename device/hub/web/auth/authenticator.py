"""Checks passwords, with few attempts per address and at most two hashes at a time."""

import asyncio
import hashlib
import hmac
import logging
import os
from collections import OrderedDict
from pathlib import Path

from device.errors import SettingsError
from device.hub.web.auth.password import MAX_BYTES, Password, load
from device.hub.web.known_addresses import KnownAddresses
from device.hub.web.limits import TooManyError
from device.hub.web.request_origin import LimitKeys
from device.system.paths import read_stamp
from device.system.rate_limiter import MAX_KEYS, SlidingWindow

_log = logging.getLogger(__name__)

MAX_CONCURRENT = 2
"""How many hashes may be computed at the same time. Each needs 32 MiB and a core."""
WINDOW_S = 60.0
MAX_WRONG = 30
"""Wrong passwords within WINDOW_S, from all addresses together."""
MAX_WRONG_PER_ADDRESS = 5
"""Wrong passwords within WINDOW_S, from one address."""
MAX_WRONG_PER_NETWORK = 20
"""Wrong passwords within WINDOW_S, from one IPv6 /64."""
MAX_WRONG_AT_ALL = 120
"""MAX_WRONG does not refuse the first password of an address, nor one where the right one was given before; this does
refuse the first one. So a few devices that guess do not shut out the others."""
_MAX_VERIFIED = 64


class Authenticator:
    """Checks passwords against the one in a file, which `reload_if_changed` reloads."""

    def __init__(self, path: Path, attempts: SlidingWindow | None = None) -> None:
        """Raises SettingsError when the file is missing or holds no password hash."""
        self._path = path
        self._stamp = read_stamp(path)
        self._password: Password | None = load(path)
        self._attempts = attempts or SlidingWindow(WINDOW_S, per_key=MAX_WRONG_PER_ADDRESS, total=MAX_WRONG)
        self._network_attempts = SlidingWindow(WINDOW_S, per_key=MAX_WRONG_PER_NETWORK)
        self.known = KnownAddresses()
        self._semaphore = asyncio.Semaphore(MAX_CONCURRENT)
        self._key = os.urandom(32)
        self._verified: OrderedDict[str, bytes] = OrderedDict()
        """Address -> a quick hash of the right password sent from there: a program that polls has no session."""
        self._pending: dict[tuple[str, bytes], asyncio.Task[bool]] = {}
        """Checks in progress. If the same address sends the same password again, it shares the result."""

    @property
    def password_id(self) -> str:
        """Identifies the current password; "" while there is none, so that nobody can log in."""
        return self._password.id if self._password else ""

    async def check(self, text: str, keys: LimitKeys) -> bool:
        """Whether `text` is the password. Raises TooManyError after too many wrong ones."""
        address = keys.address
        if len(text) > MAX_BYTES:
            text = ""
        quick_hash = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._key).digest()
        task = self._pending.get((address, quick_hash))
        if task is None:
            if wait_s := self._attempts.wait_s(address):
                raise TooManyError(wait_s)
            if self._password and hmac.compare_digest(quick_hash, self._verified.get(address, b"")):
                return True
            # Counts as wrong until proven right, so sending many at once gains nothing.
            if wait_s := self._take(keys):
                raise TooManyError(wait_s)
            task = asyncio.create_task(self._verify(text, address, quick_hash))
            self._pending[address, quick_hash] = task
            task.add_done_callback(lambda _: self._pending.pop((address, quick_hash)))
        return await asyncio.shield(task)  # a client that disconnects does not cancel it for the others

    def _take(self, keys: LimitKeys) -> float:
        """Count an attempt and return 0.0, or return the seconds to wait."""
        if keys.address in self.known:
            return self._attempts.take(keys.address, total=MAX_KEYS)
        if keys.network and (wait_s := self._network_attempts.wait_s(keys.network)):
            return wait_s
        is_first = not self._attempts.count(keys.address)
        wait_s = self._attempts.take(keys.address, total=MAX_WRONG_AT_ALL if is_first else None)
        if keys.network and not wait_s:
            self._network_attempts.take(keys.network)
        return wait_s

    async def _verify(self, text: str, address: str, quick_hash: bytes) -> bool:
        async with self._semaphore:
            password = self._password
            right = password is not None and await asyncio.to_thread(password.matches, text)
        if not right or password is not self._password:
            _log.warning("page: a wrong password from %s", address)
            return False
        self._attempts.forget(address)
        self.known.add(address)
        self._verified[address] = quick_hash
        if len(self._verified) > _MAX_VERIFIED:
            self._verified.popitem(last=False)
        return True

    def reload_if_changed(self) -> bool:
        """Reload the file if it has changed; returns whether it did."""
        new = read_stamp(self._path)
        if new == self._stamp:
            return False
        self._stamp = new
        self._verified.clear()
        self.known.clear()
        try:
            self._password = load(self._path)
            _log.info("page: the password has changed; everybody has to log in again")
        except SettingsError as error:
            self._password = None
            _log.error("%s; until then nobody can log in from the network", error)
        return True

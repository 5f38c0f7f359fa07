"""The password of the page for the house: kept as a salted hash (scrypt, RFC 7914), never as itself."""

import hashlib
import hmac
import logging
import os
import stat
import unicodedata
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from device.errors import SettingsError
from device.system.state_file import atomic_write

_log = logging.getLogger(__name__)

MIN_LENGTH = 8
"""Characters."""
MAX_BYTES = 1024
_MAX_FILE = 4096
_MEMORY = 160 * 1024 * 1024
"""Bytes that the hash may take: what the largest parameters of a file need, and some more."""
_Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{32,128}\Z")]


class Password(Struct, frozen=True, forbid_unknown_fields=True):
    """What the file holds. The parameters are OWASP's for 32 MiB."""

    salt: _Hex
    hash: _Hex
    scheme: Literal["scrypt"] = "scrypt"
    n: Literal[16384, 32768, 65536, 131072] = 32768
    r: Literal[8] = 8
    p: Annotated[int, Meta(ge=1, le=8)] = 3

    def opens(self, text: str) -> bool:
        """Whether `text` is it. Takes some tenths of a second, and the memory: not for the event loop."""
        return hmac.compare_digest(self._hashed(text).hex(), self.hash)

    @property
    def mark(self) -> str:
        """Another one for every password that was ever set; tells nothing of it."""
        return hashlib.sha256(f"{self.salt} {self.hash}".encode()).hexdigest()

    def _hashed(self, text: str) -> bytes:
        salt = bytes.fromhex(self.salt)
        return hashlib.scrypt(_bytes(text), salt=salt, n=self.n, r=self.r, p=self.p, maxmem=_MEMORY, dklen=32)


def hash_password(text: str) -> Password:
    """The hash of a new password. Raises SettingsError where it is too short, or too long."""
    if len(unicodedata.normalize("NFC", text)) < MIN_LENGTH:
        raise SettingsError(f"a password of at least {MIN_LENGTH} characters is needed; nothing was written")
    if len(_bytes(text)) > MAX_BYTES:
        raise SettingsError(f"a password of at most {MAX_BYTES} bytes can be used; nothing was written")
    empty = Password(os.urandom(16).hex(), "0" * 64)
    return msgspec.structs.replace(empty, hash=empty._hashed(text).hex())  # noqa: SLF001 - its own module


def write(path: Path, password: Password, group: int | None = None) -> None:
    """For the eyes of this user, and of `group`, only; whole or not at all. Raises SettingsError."""
    # A running hub reads the file as soon as it appears, so the group is set before the rename.
    mode, owner = (0o600, None) if group is None else (0o640, (-1, group))
    try:
        atomic_write(path, msgspec.json.encode(password), mode=mode, owner=owner)
    except OSError as error:
        root = "beside a service's settings, only root may: sudo mien kiosk password; or "
        raise SettingsError(
            f"{path}: the password cannot be written ({error.strerror}); "
            f"{root if isinstance(error, PermissionError) else ''}name another with --file"
        ) from None


def load(path: Path) -> Password:
    """Raises SettingsError, which says what to do. A file that others can read is warned of."""
    make = "make it with: mien kiosk password"
    try:
        with path.open("rb") as file:
            seen = os.fstat(file.fileno())
            raw = file.read(_MAX_FILE + 1)
    except PermissionError as error:
        raise SettingsError(
            f"kiosk.password_file: {path} cannot be read ({error.strerror}); a service sees none in /home or /root, "
            "and needs one that its group may read, such as /etc/mien/kiosk-password.json: make it with: "
            "sudo mien kiosk password"
        ) from None
    except OSError as error:
        raise SettingsError(f"kiosk.password_file: {path} cannot be read ({error.strerror}); {make}") from None
    try:
        password = msgspec.json.decode(raw, type=Password)
    except (msgspec.DecodeError, UnicodeDecodeError):  # the text is not repeated: it may be a password
        raise SettingsError(f"kiosk.password_file: {path} holds no password's hash; {make}") from None
    if seen.st_mode & stat.S_IROTH:
        mode = 600 if seen.st_uid == os.geteuid() else 640  # root's, which a service reads by its group
        _log.warning("kiosk.password_file: everybody on this device can read %s; chmod %d it", path, mode)
    return password


def _bytes(text: str) -> bytes:
    """The same for every keyboard: one spells é as one character, another as two."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")

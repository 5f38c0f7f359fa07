"""The page's password, stored as a salted hash (scrypt, RFC 7914)."""

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
from device.system.secrets import read_secret_file
from device.system.state_file import atomic_write

_log = logging.getLogger(__name__)

MIN_LENGTH = 8
"""Characters."""
MAX_BYTES = 1024
_MEMORY = 160 * 1024 * 1024
"""Memory limit of the hash, in bytes: enough for the largest parameters that a file may have."""
_Hex = Annotated[str, Meta(pattern=r"^[0-9a-f]{32,128}\Z")]


class Password(Struct, frozen=True, forbid_unknown_fields=True):
    """The content of the file. The parameters are those that OWASP recommends for 32 MiB."""

    salt: _Hex
    hash: _Hex
    scheme: Literal["scrypt"] = "scrypt"
    n: Literal[16384, 32768, 65536, 131072] = 32768
    r: Literal[8] = 8
    p: Annotated[int, Meta(ge=1, le=8)] = 3

    def matches(self, text: str) -> bool:
        """Whether `text` is the password. Takes tenths of a second, so do not call it in the event loop."""
        return hmac.compare_digest(self._hash_text(text).hex(), self.hash)

    @property
    def id(self) -> str:
        """Different for every password that is set, and reveals nothing about it."""
        return hashlib.sha256(f"{self.salt} {self.hash}".encode()).hexdigest()

    def _hash_text(self, text: str) -> bytes:
        salt = bytes.fromhex(self.salt)
        return hashlib.scrypt(_encode(text), salt=salt, n=self.n, r=self.r, p=self.p, maxmem=_MEMORY, dklen=32)


def hash_password(text: str) -> Password:
    """The hash of a new password. Raises SettingsError when it is too short or too long."""
    if len(unicodedata.normalize("NFC", text)) < MIN_LENGTH:
        raise SettingsError(f"the password must have at least {MIN_LENGTH} characters; nothing was written")
    if len(_encode(text)) > MAX_BYTES:
        raise SettingsError(f"the password must have at most {MAX_BYTES} bytes; nothing was written")
    empty = Password(os.urandom(16).hex(), "0" * 64)
    return msgspec.structs.replace(empty, hash=empty._hash_text(text).hex())  # noqa: SLF001 - its own module


def write(path: Path, password: Password, group: int | None = None) -> None:
    """Write the hash, readable by this user and by `group` only. Raises SettingsError."""
    # A running hub reads the file as soon as it appears, so the group is set before the rename.
    mode, owner = (0o600, None) if group is None else (0o640, (-1, group))
    try:
        atomic_write(path, msgspec.json.encode(password), mode=mode, owner=owner)
    except OSError as error:
        root = "beside the settings of a service, use sudo mien kiosk password; or "
        fix = f"{root if isinstance(error, PermissionError) else ''}name another with --file"
        raise SettingsError(f"{path}: the password cannot be written ({error.strerror}); {fix}") from None


def load(path: Path) -> Password:
    """Read the hash. Raises SettingsError. Warns if everybody on this device can read the file."""
    fix = "create it with: mien kiosk password"
    try:
        text = read_secret_file(path)
        status = path.stat()
    except PermissionError as error:
        raise SettingsError(
            f"kiosk.password_file: {path} cannot be read ({error.strerror}); a service cannot read files in /home or "
            "/root, and its group must be able to read the file: create /etc/mien/kiosk-password.json with: "
            "sudo mien kiosk password"
        ) from None
    except OSError as error:
        raise SettingsError(f"kiosk.password_file: {path} cannot be read ({error.strerror}); {fix}") from None
    try:
        password = msgspec.json.decode(text, type=Password)
    except msgspec.DecodeError:  # do not quote the text: it may be a password
        raise SettingsError(f"kiosk.password_file: {path} does not contain a password's hash; {fix}") from None
    if status.st_mode & stat.S_IROTH:
        mode = 600 if status.st_uid == os.geteuid() else 640  # root's file, which a service reads through its group
        _log.warning(
            "kiosk.password_file: everybody on this device can read %s; change that with: chmod %d", path, mode
        )
    return password


def _encode(text: str) -> bytes:
    """UTF-8 in normal form C, since keyboards type é as one character or as two."""
    return unicodedata.normalize("NFC", text).encode("utf-8", "surrogatepass")

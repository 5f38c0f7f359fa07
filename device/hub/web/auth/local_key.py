"""The key by which this device's own browser and commands get in where the page asks for the password here, too.

Only the user of hub and root can read its file. It is another one after each start of the hub.
"""

import hmac
import secrets
from pathlib import Path

from device.errors import MienError
from device.system.secrets import read_secret_file
from device.system.state_file import atomic_write

FILE_NAME = "page-key"


class LocalKey:
    """The key of one run of the hub. Nothing matches it before `create`."""

    def __init__(self, state_dir: Path) -> None:
        self._path = state_dir / FILE_NAME
        self._key = ""

    def create(self) -> None:
        """Make a new key and write it. Call it once the page listens: before, somebody else might have its port.

        Raises MienError.
        """
        key = secrets.token_hex(32)
        try:
            atomic_write(self._path, key.encode())
        except OSError as error:
            why = f"cannot be written ({error.strerror}); kiosk.local_password needs it"
            raise MienError(f"{self._path}: {why}") from error
        self._key = key

    def matches(self, text: str) -> bool:
        """Whether `text` is the key."""
        return bool(self._key) and hmac.compare_digest(self._key.encode(), text.encode("utf-8", "surrogatepass"))


def read_local_key(state_dir: Path) -> str:
    """The key of the running hub; empty if there is none, or if this user may not read it."""
    try:
        return read_secret_file(state_dir / FILE_NAME)
    except OSError:
        return ""

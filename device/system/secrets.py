"""Secrets, each in its own file: read at every use, and never quoted in a log or an error message."""

import errno
from pathlib import Path

from device.errors import ActionError

_MAX_BYTES = 65_536


def read_secret_file(path: Path) -> str:
    """The text of the file, without surrounding whitespace. Raises OSError, whose `strerror` never quotes it."""
    with path.open("rb") as file:
        content = file.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise OSError(errno.EFBIG, f"it is longer than {_MAX_BYTES} bytes")
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "it is not UTF-8 text") from None


def read_secret(path: str, what: str) -> str:
    """The single line in the file. Raises ActionError, which names the file and `what` it should hold."""
    try:
        text = read_secret_file(Path(path).expanduser())
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "there is no such home folder"
        raise ActionError(f"{path}: {what} cannot be read ({reason}); write it there, readable by this user") from None
    if not text.isprintable() or not text:
        raise ActionError(f"{path}: {what} should stand there alone, on one line")
    return text

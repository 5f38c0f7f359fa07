"""Secrets are in files of their own, read at each use and told to nobody: not to a log, not in an exception."""

from pathlib import Path

from device.errors import ActionError

_MAX_BYTES = 65_536


def read_secret(path: str, what: str) -> str:
    """The file's text without the space around it. Raises ActionError, naming the file and `what` it should hold."""
    try:
        with Path(path).expanduser().open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
        text = raw.decode().strip()
    except (OSError, RuntimeError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "not a text, or nobody's home"
        raise ActionError(f"{path}: {what} cannot be read ({why}); write it there, readable by this user") from None
    if not text or len(raw) > _MAX_BYTES or not text.isprintable():
        raise ActionError(f"{path}: {what} should stand there alone, on one line")
    return text

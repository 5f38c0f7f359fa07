"""What belongs into the system's journal, which others may read and which keeps its lines for months."""

import logging
import os
import stat
import sys


def writes_to_journal() -> bool:
    """Whether stderr is the journal, or the pipe of a supervisor that writes there (see `keep_journal_variable`)."""
    stream = os.environ.get("JOURNAL_STREAM", "")
    if not stream or sys.__stderr__ is None:
        return False
    status = os.fstat(2)
    return stream == f"{status.st_dev}:{status.st_ino}" or stat.S_ISFIFO(status.st_mode)


def keep_journal_variable() -> None:
    """For a supervisor: drop $JOURNAL_STREAM unless its own stderr is the journal. A terminal may have inherited it."""
    status = os.fstat(2)
    if os.environ.get("JOURNAL_STREAM") != f"{status.st_dev}:{status.st_ino}":
        os.environ.pop("JOURNAL_STREAM", None)


def mood_level() -> int:
    """The log level of lines that tell how somebody feels.

    DEBUG in the journal: `mien history forget` could not delete them there. INFO in a terminal.
    """
    return logging.DEBUG if writes_to_journal() else logging.INFO

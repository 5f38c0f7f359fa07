"""Makes file names and error messages safe for a terminal: no control sequences, nothing that cannot be encoded."""

import logging
import re

UNSAFE = r"\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff"
"""In a class of a regular expression: control characters, line and paragraph separators, changes of the writing
direction, and lone surrogates."""
_UNSAFE = re.compile(f"[{UNSAFE}]")


def printable(text: str) -> str:
    r"""`text` in one line, with \x1b, \n, \u202e ... written out, and a byte that is not UTF-8 as \x80 to \xff."""
    return _UNSAFE.sub(lambda match: _escape(ord(match[0])), text)


class OneLineFormatter(logging.Formatter):
    """Writes each message in one line, whatever it quotes: nobody can forge a line of the log with it."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The message with what is unsafe written out; a traceback follows it on lines of its own."""
        record.message = printable(record.message)
        return super().formatMessage(record)


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:  # Python decodes a byte that is not UTF-8 as 0xDC00 plus the byte
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

"""Names of files and what errors say of them, for a terminal: nothing in them is obeyed by it, or cannot be encoded."""

import re

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters, line and paragraph ends, those that turn the direction of writing, halves of surrogate pairs."""
_BYTE = 0xDC00
"""Python has a byte that is no UTF-8 as this and its value."""


def printable(text: str) -> str:
    r"""`text` in one line, with \x1b, \n, \u202e ... written out; a byte that is no UTF-8 as \x80 to \xff."""
    return _UNSEEN.sub(lambda found: _escaped(ord(found[0])), text)


def _escaped(code: int) -> str:
    if 0x80 <= code - _BYTE <= 0xFF:
        code -= _BYTE
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"

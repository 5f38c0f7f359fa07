"""One line of text for a person that may cross the door between `sense` and `hub`: short, and no control characters."""

from typing import Annotated

import msgspec

from device.system.terminal import UNSAFE, printable

MAX_LINE_CHARACTERS = 200
"""A sentence fits, a picture does not."""

Line = Annotated[str, msgspec.Meta(max_length=MAX_LINE_CHARACTERS, pattern=rf"\A[^{UNSAFE}]*\Z")]
"""The type of such a text in a message: anything else is refused."""


def to_line(text: str) -> str:
    """`text` as a Line: what is unsafe is written out, what is too long is cut."""
    line = printable(text)
    return line if len(line) <= MAX_LINE_CHARACTERS else line[: MAX_LINE_CHARACTERS - 3] + "..."

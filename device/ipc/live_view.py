"""The live view's own socket: pictures from `sense` to `hub`, only while somebody watches and the settings allow it.

The messages of device/ipc/messages.py cannot carry a picture, so pictures use a second Unix socket, `live.sock`. It
exists only if kiosk.live_view is true. A picture is sent as two lengths (4 bytes each, big-endian), a Header as JSON,
and a JPEG. `sense` is the client. It connects only after a Watch message.
"""

from struct import Struct
from typing import Annotated

import msgspec

from device.emotions import Emotion
from device.errors import LinkError
from device.settings.types import Share

LENGTHS = Struct(">II")
"""Bytes of the header, bytes of the JPEG."""
MAX_HEADER = 65_536
"""Bytes. Eight faces take about 30 000."""
MAX_JPEG = 1_048_576
"""Bytes. A picture of 640x480 takes 10 000 to 60 000."""
RENEW_S = 1.0
"""`hub` sends a Watch at this interval while somebody watches."""
WATCH_S = 2.5
"""Each Watch lasts this long. If hub dies or its page is gone, the view ends by itself."""

Px = Annotated[float, msgspec.Meta(ge=-100_000, le=100_000)]
SidePx = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class LiveFace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One face exactly as the network received it, and its reading, corrected by the household's neutral."""

    box: tuple[Px, Px, Px, Px]
    """x, y, width, height in px of the picture; may reach beyond its border."""
    track: Annotated[int, msgspec.Meta(ge=0)]
    """The same number for the same person, as long as the person stays in view."""
    emotion: Emotion
    """The most likely of the seven, before any smoothing; this is not the room's mood."""
    confidence: Share
    probabilities: Annotated[dict[Emotion, Share], msgspec.Meta(min_length=7, max_length=7)]
    quality: Share
    crop: Annotated[bytes, msgspec.Meta(min_length=2304, max_length=2304)]
    """48x48 uint8 gray, row by row: the exact input of the network. Base64 in the JSON."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything about one picture except its pixels."""

    width: SidePx
    height: SidePx
    time_s: float
    """When the picture was taken, on CLOCK_MONOTONIC."""
    faces: Annotated[tuple[LiveFace, ...], msgspec.Meta(max_length=8)]


def encode_picture(header: Header, jpeg: bytes) -> bytes:
    """One picture in the form described above. Raises LinkError if it exceeds a limit."""
    encoded = msgspec.json.encode(header)
    check_lengths(len(encoded), len(jpeg))
    return LENGTHS.pack(len(encoded), len(jpeg)) + encoded + jpeg


def check_lengths(header: int, jpeg: int) -> None:
    """Raises LinkError for an impossible length."""
    if not (0 < header <= MAX_HEADER and 0 < jpeg <= MAX_JPEG):
        raise LinkError(
            f"a picture of {header} + {jpeg} bytes is refused; {MAX_HEADER} + {MAX_JPEG} are allowed, and neither part"
            " may be empty"
        )


def check_picture(header: bytes, jpeg: bytes) -> Header:
    """The decoded header, if both parts are valid. Raises LinkError, which never quotes the picture."""
    try:
        decoded = msgspec.json.decode(header, type=Header)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LinkError(f"sense sent a picture with a malformed header: {error}") from error
    if not (jpeg.startswith(b"\xff\xd8\xff") and jpeg.endswith(b"\xff\xd9")):
        raise LinkError("sense sent a picture that is not a JPEG")
    return decoded

"""The live view's own door: pictures from `sense` to `hub`, only while someone looks and the settings open it.

Not a message of device/ipc/messages.py, whose types can carry no picture: a second Unix socket, `live.sock`, which
does not exist unless kiosk.live_view is true. One picture on it is two lengths (4 bytes each, big-endian), a Header as
JSON, and a JPEG. `sense` is the client, and connects only when a Watch has come through the door.
"""

from struct import Struct
from typing import Annotated

import msgspec

from device.emotions import Emotion
from device.errors import LinkError
from device.readings import ONE_EACH

LENGTHS = Struct(">II")
"""Bytes of the header, bytes of the JPEG."""
MAX_HEADER = 65_536
"""Bytes. Eight faces take about 30 000."""
MAX_JPEG = 1_048_576
"""Bytes. A picture of 640x480 takes 10 000 to 60 000."""
RENEWED_S = 1.0
"""`hub` says so often that someone still looks."""
WATCH_S = 2.5
"""For so long each time: a hub that died, or a lost page, ends the view within that."""

Share = Annotated[float, msgspec.Meta(ge=0, le=1)]
Px = Annotated[float, msgspec.Meta(ge=-100_000, le=100_000)]
SidePx = Annotated[int, msgspec.Meta(ge=1, le=4096)]


class SeenFace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One face, as the network saw it and what it said, the household's neutral taken off."""

    box: tuple[Px, Px, Px, Px]
    """x, y, width, height in px of the picture that comes with it; may reach over its border."""
    track: Annotated[int, msgspec.Meta(ge=0)]
    """The same number for the same person while the person stays in view."""
    emotion: Emotion
    """The likeliest of the seven, before any smoothing: not the room's mood."""
    confidence: Share
    probabilities: Annotated[dict[Emotion, Share], ONE_EACH]
    quality: Share
    crop: Annotated[bytes, msgspec.Meta(min_length=2304, max_length=2304)]
    """48x48 uint8 gray, row by row: the network's very input. Base64 in the JSON."""


class Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What belongs to one picture."""

    width: SidePx
    height: SidePx
    time_s: float
    """When it was taken, CLOCK_MONOTONIC."""
    faces: Annotated[tuple[SeenFace, ...], msgspec.Meta(max_length=8)]


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Header)


def packed(header: Header, jpeg: bytes) -> bytes:
    """One picture as it goes over the socket. Raises LinkError when it is over a limit."""
    head = _encoder.encode(header)
    check_lengths(len(head), len(jpeg))
    return LENGTHS.pack(len(head), len(jpeg)) + head + jpeg


def check_lengths(header: int, jpeg: int) -> None:
    """Raises LinkError for a length that no picture has."""
    if not (0 < header <= MAX_HEADER and 0 < jpeg <= MAX_JPEG):
        raise LinkError(
            f"a picture of {header} + {jpeg} bytes does not pass; {MAX_HEADER} + {MAX_JPEG} are allowed, and none"
            " may be empty"
        )


def check_picture(head: bytes, jpeg: bytes) -> Header:
    """The header, where both are what they should be. Raises LinkError, which quotes nothing of the picture."""
    try:
        header = _decoder.decode(head)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise LinkError(f"sense sent a picture with a malformed header: {error}") from error
    if not (jpeg.startswith(b"\xff\xd8\xff") and jpeg.endswith(b"\xff\xd9")):
        raise LinkError("sense sent a picture that is no JPEG")
    return header

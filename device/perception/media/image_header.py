"""What the first bytes of a picture file say: its size, before it is unpacked, and whether it ends where it should."""

import re
import struct
from collections.abc import Callable, Container, Iterator

Size = tuple[int, int]
"""Width and height in px."""

_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_PNM_START = re.compile(rb"P[1-6]\s*[\s#]\s*[\d#]")
_BRANDS = (b"avif", b"heic", b"heix", b"mif1")
_BOXES_BYTES = 1 << 16
"""An AVIF tells of itself within so much."""
_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""A JPEG's segments that hold its size."""
_PNM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d{1,9})(?:\s|#[^\n]*\n)+(\d{1,9})\s")
_TIFF_WIDTH, _TIFF_HEIGHT = 256, 257
_TIFF_ALPHA, _MULTIPLIED, _NOT_MULTIPLIED = 338, 1, 2
_TIFF_SHORT = 3
_BMP_OLD, _BMP_LONGEST = 12, 124


def is_picture(head: bytes) -> bool:
    """Whether a file that begins with `head`, 32 bytes of it at least, is a picture."""
    if head.startswith(_STARTS) or _is_bmp(head) or _PNM_START.match(head):
        return True
    return head[:4] + head[8:12] == b"RIFFWEBP" or (head[4:8] == b"ftyp" and head[8:12] in _BRANDS)


def size_px(data: bytes) -> Size | None:
    """Width and height that a picture states in its header; None where it is of no kind that is known here."""
    for start, read in _SIZES.items():
        if data.startswith(start):
            try:
                return read(data)
            except (struct.error, IndexError, ValueError):
                return None
    return _avif(data) if data[4:8] == b"ftyp" else None


def is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG has no end: their decoders fill what is missing with grey and say nothing."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[data.find(b"IDAT") :]  # whatever has been put behind it
    if data.startswith(b"\xff\xd8"):
        try:
            # A preview inside the header has an end of its own: only what follows the start of scan counts.
            return data.rfind(b"\xff\xd9") < _jpeg_segment(data, {0xDA})
        except IndexError:
            return True
    return False


def as_stored(data: bytes) -> bytes:
    """The same picture, so that its colours are unpacked as they are.

    libtiff darkens a TIFF's by its transparency, unless it says that this is done.
    """
    if data.startswith((b"II*\0", b"MM\0*")):
        for tag, form, at in _tiff_entries(data):
            if tag == _TIFF_ALPHA and struct.unpack_from(form, data, at) == (_NOT_MULTIPLIED,):
                return data[:at] + struct.pack(form, _MULTIPLIED) + data[at + struct.calcsize(form) :]
    return data


def _png(data: bytes) -> Size:
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def _bmp(data: bytes) -> Size:
    if not _is_bmp(data):
        raise ValueError
    old = data[14] == _BMP_OLD  # OS/2's
    width, height = struct.unpack("<HH", data[18:22]) if old else struct.unpack("<ii", data[18:26])
    return abs(width), abs(height)


def _is_bmp(data: bytes) -> bool:
    """Many a text begins with BM, and states a header of a billion bytes."""
    return data.startswith(b"BM") and int.from_bytes(data[14:18], "little") <= _BMP_LONGEST


def _gif(data: bytes) -> Size:
    width, height = struct.unpack("<HH", data[6:10])
    return width, height


def _jpeg(data: bytes) -> Size:
    height, width = struct.unpack(">HH", data[_jpeg_segment(data, _FRAMES) + 5 :][:4])
    return width, height


def _jpeg_segment(data: bytes, wanted: Container[int]) -> int:
    """Where the first of the `wanted` segments of a JPEG begins. Raises IndexError when there is none."""
    at = 2
    while data[at + 1] not in wanted:
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at


def _webp(data: bytes) -> Size:
    """Of its three kinds: extended, lossless, and plain, whose size follows a frame's start code."""
    kind = data[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if kind == b"VP8L" and data[20] == 0x2F:
        (bits,) = struct.unpack("<I", data[21:25])
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 " and data[23:26] == b"\x9d\x01\x2a":
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF
    raise ValueError


def _tiff(data: bytes) -> Size:
    """Of its first picture: the only one that is unpacked."""
    sides = {_TIFF_WIDTH: 0, _TIFF_HEIGHT: 0}
    for tag, form, at in _tiff_entries(data):
        if tag in sides:
            (sides[tag],) = struct.unpack_from(form, data, at)
    if not all(sides.values()):
        raise ValueError
    return sides[_TIFF_WIDTH], sides[_TIFF_HEIGHT]


def _tiff_entries(data: bytes) -> Iterator[tuple[int, str, int]]:
    """(tag, form of its value, where that lies) of a TIFF's first picture. Raises struct.error where it breaks off."""
    order = "<" if data.startswith(b"II") else ">"
    (begin,) = struct.unpack_from(f"{order}I", data, 4)
    (count,) = struct.unpack_from(f"{order}H", data, begin)
    for entry in range(begin + 2, begin + 2 + 12 * count, 12):
        tag, kind, _, _ = struct.unpack_from(f"{order}HHII", data, entry)
        yield tag, order + ("H" if kind == _TIFF_SHORT else "I"), entry + 8


def _pnm(data: bytes) -> Size:
    stated = _PNM.match(data)
    if stated is None:
        raise ValueError
    return int(stated[1]), int(stated[2])


def _jpeg2000(data: bytes) -> Size:
    height, width = struct.unpack_from(">II", data, data.index(b"ihdr", 0, _BOXES_BYTES) + 4)
    return width, height


def _avif(data: bytes) -> Size | None:
    """The largest that it states: a picture of tiles has that of each, and of all together."""
    sizes = [struct.unpack(">II", one[1]) for one in re.finditer(rb"ispe\0{4}(.{8})", data[:_BOXES_BYTES], re.DOTALL)]
    return max(sizes, key=lambda size: size[0] * size[1], default=None)


_SIZES: dict[bytes, Callable[[bytes], Size]] = {
    b"\x89PNG": _png,
    b"BM": _bmp,
    b"GIF8": _gif,
    b"\xff\xd8": _jpeg,
    b"RIFF": _webp,
    b"II*\0": _tiff,
    b"MM\0*": _tiff,
    **{b"P%d" % kind: _pnm for kind in range(1, 7)},
    b"\0\0\0\x0cjP  ": _jpeg2000,
}

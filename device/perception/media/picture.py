"""Reads still pictures: Pillow parses the headers, OpenCV decodes the pixels."""

import io
import re
import struct
import warnings
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image
from PIL.ImageFile import ImageFile

from device.errors import MediaError

Pixels = npt.NDArray[np.uint8]

MAX_MEGAPIXELS = 100.0
"""A larger picture is refused before it is decoded: 100 megapixels need 300 MB."""

_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
"""The formats that both Pillow and OpenCV can read."""
_JPEG, _PNG = b"\xff\xd8", b"\x89PNG"
_START_OF_SCAN = 0xDA
_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"\0\0\0\x0cjP  ")
_PNM_START = re.compile(rb"P[1-6]\s*[\s#]\s*[\d#]")
_BRANDS = (b"avif", b"heic", b"heix", b"mif1")
_MAX_BMP_HEADER = 124
_EXTRA_SAMPLES = (338, 3, 1)
"""The TIFF entry whose value says how transparency is stored: its tag, its type, and one value."""

Image.MAX_IMAGE_PIXELS = None  # `check_size` names the file


def is_picture(head: bytes) -> bool:
    """Whether a file is a picture, judged by its first 32 bytes."""
    # A text file may begin with BM, too. Read as a bitmap, its header would be a billion bytes long.
    if head.startswith(b"BM"):
        return int.from_bytes(head[14:18], "little") <= _MAX_BMP_HEADER
    if head.startswith(_STARTS) or _PNM_START.match(head):
        return True
    return head[:4] + head[8:12] == b"RIFFWEBP" or (head[4:8] == b"ftyp" and head[8:12] in _BRANDS)


def read_picture(path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Pixels:
    """A picture as (height, width, 3) uint8 RGB, turned upright by its EXIF orientation.

    Gray becomes RGB, 16 bits become 8, and transparency is dropped. Raises MediaError, naming the file, when it cannot
    be read, is truncated, has a format that OpenCV does not know, or is larger than `max_megapixels`.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({error.strerror})") from error
    header = _open(data)
    if header:
        check_size(path, *header.size, max_megapixels)
    if _is_truncated(data):
        raise MediaError(f"{path}: the picture breaks off; copy the file again")
    try:
        # Without a header there is no size, and the pixels could fill any amount of memory.
        bgr = cv2.imdecode(np.frombuffer(_keep_colours(data), np.uint8), cv2.IMREAD_COLOR) if header else None
    except (cv2.error, MemoryError) as error:
        raise MediaError(f"{path}: cannot be unpacked as a picture ({type(error).__name__})") from error
    if bgr is None:
        raise MediaError(f"{path}: {'no picture' if data else 'an empty file'}; a JPEG or PNG is needed")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def check_size(path: Path, width: int, height: int, max_megapixels: float = MAX_MEGAPIXELS) -> None:
    """Raises MediaError, naming the file, when its picture is larger than `max_megapixels`."""
    size = width * height / 1e6
    if size > max_megapixels:
        raise MediaError(f"{path}: {size:.0f} megapixels; at most {max_megapixels:.0f} are read, so make it smaller")


def _open(data: bytes) -> ImageFile | None:
    """The header of a picture; None if it cannot be read."""
    try:
        with warnings.catch_warnings(action="ignore"):
            return Image.open(io.BytesIO(data), formats=_FORMATS)
    except Exception:  # noqa: BLE001 - a damaged header raises whatever its parser happens to meet
        return None


def _is_truncated(data: bytes) -> bool:
    """Whether a JPEG or PNG is cut off: OpenCV would silently fill the rest with gray."""
    if data.startswith(_PNG):
        return data.find(b"IEND", data.find(b"IDAT")) < 0  # other data may follow the picture
    if data.startswith(_JPEG):
        # A preview in the header has its own end marker: only one after the start of the pixels counts.
        return data.find(b"\xff\xd9", _start_of_pixels(data)) < 0
    return False


def _start_of_pixels(data: bytes) -> int:
    """Where a JPEG's first scan begins; its length if the header breaks off.

    Pillow's position in the file does not tell: for the two pictures in one file that phones write it is 0.
    """
    at = 2
    while at + 1 < len(data) and data[at + 1] != _START_OF_SCAN:
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at


def _keep_colours(data: bytes) -> bytes:
    """The same picture, or a TIFF that claims to be darkened by its transparency, as libtiff would darken it."""
    if data.startswith((b"II*\0", b"MM\0*")):
        for order in "<>":
            straight, darkened = (struct.pack(f"{order}HHIH", *_EXTRA_SAMPLES, alpha) for alpha in (2, 1))
            data = data.replace(straight, darkened, 1)
    return data

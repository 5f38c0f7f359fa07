"""Sound, pictures and video out of files and bytes: the one place that opens media. Nothing is ever written."""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal

import av
import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.errors import MediaError
from device.sense.sound.framing import RATE_HZ

Pixels = npt.NDArray[np.uint8]

MOST_MEGAPIXELS = 100.0
"""A larger picture is refused before it is unpacked: 100 megapixels take 300 MB."""

_BLOCK = 4096
_PICTURE_STARTS = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"GIF8", b"II*\0", b"MM\0*", b"P5", b"P6")
_PICTURE_BRANDS = (b"avif", b"heic", b"heix", b"mif1")
# A playlist is a media file to FFmpeg: without this, one that is handed in could name an address to fetch.
_LOCAL_ONLY = {"protocol_whitelist": "file,pipe"}


class NoSoundError(MediaError):
    """A file that can be read, and in which there is nothing to hear."""


def sound_blocks(source: Path | BinaryIO, rate_hz: int = RATE_HZ) -> Iterator[Floats]:
    """The first sound track of a file, as blocks (n,) float32 in -1..1, mono at `rate_hz`.

    Where a film's sound begins later than its picture there is silence until then: both tell the same time.
    Raises MediaError, naming the file, when it cannot be opened, holds no sound, or breaks off in the middle.
    """
    name = str(source) if isinstance(source, Path) else "sound"
    try:
        with _opened(source) as container:
            if not container.streams.audio:
                raise NoSoundError(f"{name}: no sound in it")
            resampler = av.AudioResampler("fltp", "mono", rate_hz, frame_size=_BLOCK)
            late_s: float | None = None
            for decoded in container.decode(container.streams.audio[0]):
                if late_s is None:
                    late_s = _after_the_picture_s(container, decoded)
                    yield from _silence(round(late_s * rate_hz))
                for frame in resampler.resample(decoded):
                    yield frame.to_ndarray()[0].astype(np.float32, copy=False)
            for frame in resampler.resample(None):
                yield frame.to_ndarray()[0].astype(np.float32, copy=False)
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read as sound ({_reason(error)})") from error


def _after_the_picture_s(container: av.container.InputContainer, first: av.AudioFrame) -> float:
    """By how much a film's first sound comes after its beginning; 0 for what has no moving pictures."""
    if _video_stream(container) is None or first.time is None:
        return 0.0
    return max(first.time - (container.start_time or 0) / av.time_base, 0.0)


def _silence(samples: int) -> Iterator[Floats]:
    for begin in range(0, samples, _BLOCK):
        yield np.zeros(min(_BLOCK, samples - begin), np.float32)


def read_sound(source: Path | BinaryIO, rate_hz: int = RATE_HZ) -> Floats:
    """A whole sound: (samples,) float32 mono at `rate_hz`; empty when the file holds none of them."""
    blocks = list(sound_blocks(source, rate_hz))
    return np.concatenate(blocks) if blocks else np.zeros(0, np.float32)


def video_frames(path: Path) -> Iterator[tuple[Pixels, float]]:
    """The pictures of a video, upright: (height, width, 3) uint8 RGB, and seconds since the file's beginning.

    Raises MediaError, naming the file, when it cannot be opened, holds no video, or breaks off in the middle;
    what came before the break has been given by then.
    """
    try:
        with _opened(path) as container:
            stream = _video_stream(container)
            if stream is None:
                raise MediaError(f"{path}: no video in it")
            begin_s = (container.start_time or 0) / av.time_base
            step_s = float(1 / (stream.average_rate or 25))
            count, pts_s = 0, -step_s
            for frame in container.decode(stream):
                pts_s = pts_s + step_s if frame.time is None else frame.time - begin_s
                count += 1
                # A phone films on its side and notes by how much it was turned.
                yield np.ascontiguousarray(np.rot90(frame.to_ndarray(format="rgb24"), frame.rotation // 90)), pts_s
            shown_s = pts_s + step_s + begin_s - float((stream.start_time or 0) * (stream.time_base or 0))
            if _breaks_off(container, stream, count, shown_s):
                raise MediaError(f"{path}: breaks off after {count} of {stream.frames} pictures; copy the file again")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: cannot be read as video ({_reason(error)})") from error


def read_picture(path: Path) -> Pixels:
    """A picture: (height, width, 3) uint8 RGB, turned upright by its EXIF note.

    Grey becomes RGB, 16 bits become 8, and transparency is let go. Raises MediaError, naming the file, when it
    cannot be read, is cut off, is no picture that OpenCV knows, or is larger than MOST_MEGAPIXELS.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({_reason(error)})") from error
    size = _size_px(data)
    if size and size[0] * size[1] > MOST_MEGAPIXELS * 1e6:
        much = size[0] * size[1] / 1e6
        raise MediaError(f"{path}: {much:.0f} megapixels; at most {MOST_MEGAPIXELS:.0f} are read, so make it smaller")
    if _cut_off(data):
        raise MediaError(f"{path}: the picture breaks off; copy the file again")
    try:
        bgr = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    except (cv2.error, MemoryError) as error:
        raise MediaError(f"{path}: cannot be unpacked as a picture ({type(error).__name__})") from error
    if bgr is None:
        raise MediaError(f"{path}: {'no picture' if data else 'an empty file'}; a JPEG or PNG is needed")
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB), np.uint8)


def kind_of(path: Path) -> Literal["image", "sound", "video"]:
    """What a file holds, by its content. Raises MediaError, naming the file.

    Sound with a cover picture attached is sound.
    """
    try:
        with path.open("rb") as file:
            head = file.read(16)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({_reason(error)})") from error
    if not head:
        raise MediaError(f"{path}: an empty file; there is nothing to read in it")
    if head.startswith(_PICTURE_STARTS) or (head[:4], head[8:12]) == (b"RIFF", b"WEBP"):
        return "image"
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return "image"
    try:
        with _opened(path) as container:
            # FFmpeg goes by the name alone for pictures: whatever is called .png would be one.
            if container.format.name != "image2" and _video_stream(container) is not None:
                return "video"
            if container.streams.audio:
                return "sound"
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: neither picture, sound nor video ({_reason(error)})") from error
    raise MediaError(f"{path}: neither picture, sound nor video; JPEG, PNG, WAV, MP3 and MP4 are among what is read")


def _opened(source: Path | BinaryIO) -> av.container.InputContainer:
    # `file:` keeps a name with a colon in it from being taken for another protocol.
    return av.open(f"file:{source}" if isinstance(source, Path) else source, mode="r", options=_LOCAL_ONLY)


def _video_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """The first stream of moving pictures, or None; a cover picture is none."""
    attached = av.stream.Disposition.attached_pic
    return next((s for s in container.streams.video if not s.disposition & attached), None)


def _breaks_off(container: av.container.InputContainer, stream: av.VideoStream, count: int, shown_s: float) -> bool:
    """Whether a film of `count` pictures in `shown_s` seconds ends before it should: FFmpeg says no word of it.

    Fewer pictures than are counted at the beginning are no break alone: an edit list leaves out those before a cut
    that was made without encoding anew, and an AVI counts those that were dropped.
    """
    if count >= 0.9 * stream.frames - 2:
        return False
    step_s = float(1 / (stream.average_rate or 25))
    if container.format.name == "avi" or stream.duration is None or stream.time_base is None:
        whole_s = stream.frames * step_s  # FFmpeg has shortened a cut-off AVI's duration to what is there
    else:
        whole_s = float(stream.duration * stream.time_base)
    return shown_s < 0.9 * whole_s - 2 * step_s


def _size_px(data: bytes) -> tuple[int, int] | None:
    """Width and height that a PNG, JPEG, BMP, GIF or WebP (VP8X) states in its header; None for others."""
    try:
        if data.startswith(b"\x89PNG"):
            width, height = struct.unpack(">II", data[16:24])
        elif data.startswith(b"BM"):
            width, height = map(abs, struct.unpack("<ii", data[18:26]))
        elif data.startswith(b"GIF8"):
            width, height = struct.unpack("<HH", data[6:10])
        elif data[8:16] == b"WEBPVP8X":
            width, height = (1 + int.from_bytes(data[at : at + 3], "little") for at in (24, 27))
        elif data.startswith(b"\xff\xd8"):
            height, width = struct.unpack(">HH", data[_jpeg_marker(data, range(0xC0, 0xC4)) + 5 :][:4])
        else:
            return None
    except (struct.error, IndexError):
        return None
    return width, height


def _jpeg_marker(data: bytes, wanted: range) -> int:
    """Where the first of the `wanted` segments of a JPEG begins. Raises IndexError when there is none."""
    at = 2
    while data[at + 1] not in wanted:
        at += 1 if data[at + 1] == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return at


def _cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG has no end: their decoders fill what is missing with grey and say nothing."""
    if data.startswith(b"\x89PNG"):
        return b"IEND" not in data[-4096:]
    if data.startswith(b"\xff\xd8"):
        try:
            # A preview inside the header has an end of its own: only what follows the start of scan counts.
            return data.rfind(b"\xff\xd9") < _jpeg_marker(data, range(0xDA, 0xDB))
        except IndexError:
            return True
    return False


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__

"""Sound, pictures and video out of files and bytes: the one place that opens media. Nothing is ever written."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO, Literal

import av
import cv2
import numpy as np
import numpy.typing as npt

from device.emotions import Floats
from device.errors import MediaError
from device.perception.audio.stft import RATE_HZ
from device.perception.media.image_header import as_stored, is_cut_off, is_picture, size_px

Pixels = npt.NDArray[np.uint8]

MAX_MEGAPIXELS = 100.0
"""A larger picture is refused before it is unpacked: 100 megapixels take 300 MB."""

MAX_SOUND_S = 4 * 3600.0
"""A longer sound is refused as a whole: it takes 920 MB. Block by block it may be of any length."""
MIN_RATE_HZ = 1000
"""No voice is left in less, and a header that says 1 Hz would make hours of a few bytes."""

_BLOCK = 4096
_GROWS = 1 << 20
_NEXT_TO_SQUARE = 0.01
_WIDEST = 8.0
_MAX_WIDENED = 3840 * 2160
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
            late_s: float | None = None
            resampler = _Resampler(rate_hz)
            for decoded in container.decode(container.streams.audio[0]):
                if decoded.sample_rate < MIN_RATE_HZ:
                    raise MediaError(f"{name}: a sound of {decoded.sample_rate} Hz; {MIN_RATE_HZ} are the least")
                if late_s is None:
                    late_s = _after_the_picture_s(container, decoded)
                    yield from _silence(round(late_s * rate_hz))
                yield from resampler.next(decoded)
            yield from resampler.rest()
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{name}: cannot be read as sound ({_reason(error)})") from error


class _Resampler:
    """Mono at `rate_hz` of frames that may change their rate, form and channels in the middle, as a broadcast's do."""

    def __init__(self, rate_hz: int) -> None:
        self._rate_hz = rate_hz
        self._resampler: av.AudioResampler | None = None
        self._form: tuple[str, str, int] | None = None

    def next(self, frame: av.AudioFrame) -> Iterator[Floats]:
        form = frame.format.name, frame.layout.name, frame.sample_rate
        if form != self._form:
            yield from self.rest()
            self._resampler = av.AudioResampler("fltp", "mono", self._rate_hz, frame_size=_BLOCK)
            self._form = form
        yield from self._through(frame)

    def rest(self) -> Iterator[Floats]:
        if self._resampler is not None:
            yield from self._through(None)

    def _through(self, frame: av.AudioFrame | None) -> Iterator[Floats]:
        for block in self._resampler.resample(frame) if self._resampler else ():
            # One sample that is no number, of a program that divided by zero, would make all that follow none.
            yield np.nan_to_num(block.to_ndarray()[0].astype(np.float32, copy=False), nan=0, posinf=0, neginf=0)


def _after_the_picture_s(container: av.container.InputContainer, first: av.AudioFrame) -> float:
    """By how much a film's first sound comes after its beginning; 0 for what has no moving pictures."""
    if _video_stream(container) is None or first.time is None:
        return 0.0
    return max(first.time - (container.start_time or 0) / av.time_base, 0.0)


def _silence(samples: int) -> Iterator[Floats]:
    for begin in range(0, samples, _BLOCK):
        yield np.zeros(min(_BLOCK, samples - begin), np.float32)


def read_sound(source: Path | BinaryIO, rate_hz: int = RATE_HZ) -> Floats:
    """A whole sound: (samples,) float32 mono at `rate_hz`; empty when the file holds none of them.

    Raises MediaError as `sound_blocks` does, and when it is longer than MAX_SOUND_S.
    """
    sound, count = np.zeros(_GROWS, np.float32), 0
    for block in sound_blocks(source, rate_hz):
        end = count + len(block)
        if end > MAX_SOUND_S * rate_hz:
            name = str(source) if isinstance(source, Path) else "sound"
            raise MediaError(f"{name}: longer than {MAX_SOUND_S / 3600:g} hours; cut it into parts")
        if end > len(sound):
            # Where it lies: a list of all blocks, put together in the end, would be in memory twice.
            sound.resize(end + max(end // 4, _GROWS), refcheck=False)
        sound[count:end], count = block, end
    sound.resize(count, refcheck=False)
    return sound


def video_frames(path: Path) -> Iterator[tuple[Pixels, float]]:
    """The pictures of a video as they are to be seen: (height, width, 3) uint8 RGB, and seconds since its beginning.

    They are turned upright, and their pixels made square.

    Raises MediaError, naming the file, when it cannot be opened, holds no video, or breaks off in the middle;
    what came before the break has been given by then.
    """
    try:
        with _opened(path) as container:
            stream = _video_stream(container)
            if stream is None:
                raise MediaError(f"{path}: no video in it")
            # Of a codec that is not known nothing is: decoding tells that.
            _held_small(path, getattr(stream, "width", 0), getattr(stream, "height", 0))
            begin_s = (container.start_time or 0) / av.time_base
            step_s = float(1 / (stream.average_rate or 25))
            count, pts_s = 0, -step_s
            for frame in container.decode(stream):
                pts_s = pts_s + step_s if frame.time is None else frame.time - begin_s
                count += 1
                pixels = _square(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), stream.sample_aspect_ratio)
                # A phone films on its side and notes by how much it was turned.
                yield np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90)), pts_s
            shown_s = pts_s + step_s + begin_s - float((stream.start_time or 0) * (stream.time_base or 0))
            if _breaks_off(container, stream, count, shown_s):
                raise MediaError(f"{path}: breaks off after {count} of {stream.frames} pictures; copy the file again")
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: cannot be read as video ({_reason(error)})") from error


def read_picture(path: Path) -> Pixels:
    """A picture: (height, width, 3) uint8 RGB, turned upright by its EXIF note.

    Grey becomes RGB, 16 bits become 8, and transparency is let go. Raises MediaError, naming the file, when it
    cannot be read, is cut off, is no picture that OpenCV knows, or is larger than MAX_MEGAPIXELS.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({_reason(error)})") from error
    size = size_px(data)
    if size:
        _held_small(path, *size)
    if is_cut_off(data):
        raise MediaError(f"{path}: the picture breaks off; copy the file again")
    try:
        # What does not say how large it is may be of any size.
        bgr = cv2.imdecode(np.frombuffer(as_stored(data), np.uint8), cv2.IMREAD_COLOR) if size else None
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
            head = file.read(32)
    except OSError as error:
        raise MediaError(f"{path}: cannot be read ({_reason(error)})") from error
    if not head:
        raise MediaError(f"{path}: an empty file; there is nothing to read in it")
    if is_picture(head):
        return "image"
    try:
        with _opened(path) as container:
            # FFmpeg goes by the name alone for pictures: whatever is called .png would be one.
            pictures = container.format.name != "image2" and _video_stream(container) is not None
            if pictures and _of_one_picture(container):
                raise MediaError(f"{path}: a picture that is not read ({container.format.long_name}); save it as PNG")
            if pictures:
                return "video"
            if container.streams.audio:
                return "sound"
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{path}: neither picture, sound nor video ({_reason(error)})") from error
    raise MediaError(f"{path}: neither picture, sound nor video; JPEG, PNG, WAV, MP3 and MP4 are among what is read")


def _opened(source: Path | BinaryIO) -> av.container.InputContainer:
    # `file:` keeps a name with a colon in it from being taken for another protocol.
    return av.open(f"file:{source}" if isinstance(source, Path) else source, mode="r", options=_LOCAL_ONLY)


def _of_one_picture(container: av.container.InputContainer) -> bool:
    """Whether it is a format of pictures that do not move: FFmpeg takes them for a video of one."""
    return container.format.name.endswith("_pipe") or container.format.name == "ico"


def _video_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """The first stream of moving pictures, or None; a cover picture is none."""
    attached = av.stream.Disposition.attached_pic
    return next((s for s in container.streams.video if not s.disposition & attached), None)


def _square(pixels: Pixels, aspect: Fraction | None) -> Pixels:
    """A picture whose pixels are `aspect` times as wide as high, as it is to be seen; only of a huge one are some lost.

    What is next to square stays, and so does what no camera films: there the header is wrong.
    """
    share = float(aspect or 1)
    if abs(share - 1) < _NEXT_TO_SQUARE or not 1 / _WIDEST <= share <= _WIDEST:
        return pixels
    height, width = pixels.shape[:2]
    wider, flatter = (round(width * share), height), (width, round(height / share))
    larger, smaller = (wider, flatter) if share > 1 else (flatter, wider)
    size = larger if larger[0] * larger[1] <= _MAX_WIDENED else smaller
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)


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


def _held_small(path: Path, width: int, height: int) -> None:
    """Raises MediaError, naming the file, when its pictures have more than MAX_MEGAPIXELS."""
    much = width * height / 1e6
    if much > MAX_MEGAPIXELS:
        raise MediaError(f"{path}: {much:.0f} megapixels; at most {MAX_MEGAPIXELS:.0f} are read, so make it smaller")


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def refused_in_words(path: Path) -> Iterator[None]:
    """Raises MediaError, naming the file, in place of OpenCV's own error and of a lack of memory."""
    try:
        yield
    except cv2.error as error:
        raise MediaError(f"{path}: OpenCV cannot work on it ({error.func}: {error.err}); convert the file") from error
    except MemoryError as error:
        raise MediaError(f"{path}: takes more memory than there is; make it smaller or shorter") from error

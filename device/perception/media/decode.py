"""Decodes sound and video from files and bytes, and detects what a file holds. Never writes anything."""

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from itertools import chain, groupby
from pathlib import Path
from typing import BinaryIO, Literal

import av
import cv2
import numpy as np

from device.emotions import Floats
from device.errors import MediaError
from device.perception.audio.stft import RATE_HZ
from device.perception.media.picture import MAX_MEGAPIXELS, Pixels, check_size, is_picture

MAX_SOUND_S = 4 * 3600.0
"""A longer sound is not read in one piece: that would take more than 920 MB. In blocks, any length can be read."""
MIN_RATE_HZ = 1000
"""A lower rate cannot carry a voice, and a header that says 1 Hz would turn a few bytes into hours."""

_BLOCK = 4096
_GROWS = 1 << 20
_MIN_ASPECT_ERROR = 0.01
_MAX_ASPECT = 8.0
_MAX_WIDENED = 3840 * 2160
# FFmpeg treats a playlist as a media file: without this, a playlist could make it fetch an address.
_LOCAL_ONLY = {"protocol_whitelist": "file,pipe"}


class NoSoundError(MediaError):
    """The file can be read but has no sound."""


def sound_blocks(source: Path | BinaryIO, rate_hz: int = RATE_HZ) -> Iterator[Floats]:
    """The first sound track of a file, as blocks (n,) float32 in -1..1, mono at `rate_hz`.

    Where a film's sound begins later than its picture, silence fills the gap, so that both share one timeline.
    Raises MediaError, naming the file, when it cannot be opened, has no sound, or breaks off in the middle.
    """
    name = _name(source)
    with _opened(source, "cannot be read as sound") as container:
        if not container.streams.audio:
            raise NoSoundError(f"{name}: no sound in it")
        frames = _sound_frames(container, name)
        first = next(frames, None)
        if first is None:
            return
        late = round(_delay_after_picture_s(container, first) * rate_hz)
        for begin in range(0, late, _BLOCK):
            yield np.zeros(min(_BLOCK, late - begin), np.float32)
        # The rate, the format and the channels may change midway, as in a broadcast.
        for _, alike in groupby(chain([first], frames), lambda f: (f.format.name, f.layout.name, f.sample_rate)):
            resampler = av.AudioResampler("fltp", "mono", rate_hz, frame_size=_BLOCK)
            for block in chain.from_iterable(map(resampler.resample, chain(alike, [None]))):
                # A NaN from a program that divided by zero would spread to every sample after it.
                yield np.nan_to_num(block.to_ndarray()[0].astype(np.float32, copy=False), nan=0, posinf=0, neginf=0)


def _sound_frames(container: av.container.InputContainer, name: str) -> Iterator[av.AudioFrame]:
    for frame in container.decode(container.streams.audio[0]):
        if frame.sample_rate < MIN_RATE_HZ:
            raise MediaError(f"{name}: a sound of {frame.sample_rate} Hz; at least {MIN_RATE_HZ} are needed")
        yield frame


def _delay_after_picture_s(container: av.container.InputContainer, first: av.AudioFrame) -> float:
    """How long after the film's start the sound begins; 0 for a file without moving pictures."""
    if _video_stream(container) is None or first.time is None:
        return 0.0
    return max(first.time - (container.start_time or 0) / av.time_base, 0.0)


def read_sound(source: Path | BinaryIO, rate_hz: int = RATE_HZ, *, max_s: float = MAX_SOUND_S) -> Floats:
    """A whole sound: (samples,) float32 mono at `rate_hz`; empty when the track has no samples.

    Raises MediaError as `sound_blocks` does, and when the sound is longer than `max_s`.
    """
    sound, count = np.zeros(_GROWS, np.float32), 0
    for block in sound_blocks(source, rate_hz):
        end = count + len(block)
        if end > max_s * rate_hz:
            raise MediaError(f"{_name(source)}: longer than {max_s / 3600:g} hours; cut it into parts")
        if end > len(sound):
            # It grows in place: a list of blocks, joined at the end, would be in memory twice.
            sound.resize(end + max(end // 4, _GROWS), refcheck=False)
        sound[count:end], count = block, end
    sound.resize(count, refcheck=False)
    return sound


def video_frames(path: Path, *, max_megapixels: float = MAX_MEGAPIXELS) -> Iterator[tuple[Pixels, float]]:
    """The frames of a video as they are meant to be seen: (height, width, 3) uint8 RGB, and seconds since its start.

    They are turned upright and their pixels made square. Raises MediaError, naming the file, when it cannot be opened,
    has no video, is larger than `max_megapixels`, or breaks off in the middle, after the frames before the break.
    """
    with _opened(path, "cannot be read as video") as container:
        stream = _video_stream(container)
        if stream is None:
            raise MediaError(f"{path}: no video in it")
        # A stream with an unknown codec has no size; decoding it then reports the fault.
        check_size(path, getattr(stream, "width", 0), getattr(stream, "height", 0), max_megapixels)
        begin_s = (container.start_time or 0) / av.time_base
        step_s = float(1 / (stream.average_rate or 25))
        count, pts_s = 0, -step_s
        for frame in container.decode(stream):
            pts_s = pts_s + step_s if frame.time is None else frame.time - begin_s
            count += 1
            pixels = _square(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), stream.sample_aspect_ratio)
            # A phone stores its films lying on their side, with a rotation to apply.
            yield np.ascontiguousarray(np.rot90(pixels, frame.rotation // 90)), pts_s
        shown_s = pts_s + step_s + begin_s - float((stream.start_time or 0) * (stream.time_base or 0))
        if _is_truncated(container, stream, count, shown_s):
            raise MediaError(f"{path}: breaks off after {count} of {stream.frames} pictures; copy the file again")


def detect_kind(path: Path) -> Literal["image", "sound", "video"]:
    """What a file holds, judged by its content. Raises MediaError, naming the file.

    A sound with a cover picture is a sound.
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
    with _opened(path, "neither picture, sound nor video") as container:
        # For pictures FFmpeg trusts the name: it would take any file called .png for one.
        pictures = container.format.name != "image2" and _video_stream(container) is not None
        if pictures and _is_still(container):
            raise MediaError(f"{path}: a picture that is not read ({container.format.long_name}); save it as PNG")
        if pictures:
            return "video"
        if container.streams.audio:
            return "sound"
    raise MediaError(f"{path}: neither picture, sound nor video; JPEG, PNG, WAV, MP3 and MP4 are among what is read")


@contextmanager
def _opened(source: Path | BinaryIO, problem: str) -> Iterator[av.container.InputContainer]:
    """Opens a file. Raises MediaError, with its name and `problem`, for errors of FFmpeg or the disk in the block."""
    try:
        # The prefix `file:` keeps FFmpeg from taking a colon in the name for another protocol.
        with av.open(f"file:{source}" if isinstance(source, Path) else source, mode="r", options=_LOCAL_ONLY) as opened:
            yield opened
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise MediaError(f"{_name(source)}: {problem} ({_reason(error)})") from error


def _name(source: Path | BinaryIO) -> str:
    return str(source) if isinstance(source, Path) else "sound"


def _is_still(container: av.container.InputContainer) -> bool:
    """Whether the file is a still picture, which FFmpeg presents as a video of one frame."""
    return container.format.name.endswith("_pipe") or container.format.name == "ico"


def _video_stream(container: av.container.InputContainer) -> av.VideoStream | None:
    """The first stream of moving pictures, or None; a cover picture does not count."""
    attached = av.stream.Disposition.attached_pic
    return next((s for s in container.streams.video if not s.disposition & attached), None)


def _square(pixels: Pixels, aspect: Fraction | None) -> Pixels:
    """The picture with square pixels; the stored ones have the aspect ratio `aspect`. A huge one loses pixels.

    Nearly square pixels stay as they are. So do ratios that no camera uses: there the header is wrong.
    """
    share = float(aspect or 1)
    if abs(share - 1) < _MIN_ASPECT_ERROR or not 1 / _MAX_ASPECT <= share <= _MAX_ASPECT:
        return pixels
    height, width = pixels.shape[:2]
    wider, flatter = (round(width * share), height), (width, round(height / share))
    larger, smaller = (wider, flatter) if share > 1 else (flatter, wider)
    size = larger if larger[0] * larger[1] <= _MAX_WIDENED else smaller
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR), np.uint8)


def _is_truncated(container: av.container.InputContainer, stream: av.VideoStream, count: int, shown_s: float) -> bool:
    """Whether a film of `count` frames and `shown_s` seconds ends too early: FFmpeg does not report it.

    Fewer frames than the header says do not prove it. An edit list skips the frames before a cut that was made without
    encoding again, and an AVI counts dropped frames.
    """
    if count >= 0.9 * stream.frames - 2:
        return False
    step_s = float(1 / (stream.average_rate or 25))
    if container.format.name == "avi" or stream.duration is None or stream.time_base is None:
        whole_s = stream.frames * step_s  # FFmpeg shortens a truncated AVI's duration to the part that remains
    else:
        whole_s = float(stream.duration * stream.time_base)
    return shown_s < 0.9 * whole_s - 2 * step_s


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


@contextmanager
def as_media_error(path: Path) -> Iterator[None]:
    """Turns OpenCV's errors and a lack of memory into a MediaError that names the file."""
    try:
        yield
    except cv2.error as error:
        raise MediaError(f"{path}: OpenCV cannot work on it ({error.func}: {error.err}); convert the file") from error
    except MemoryError as error:
        raise MediaError(f"{path}: needs more memory than there is; make it smaller or shorter") from error

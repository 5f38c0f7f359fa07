"""Pictures, videos and sounds of one's own through the two paths."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from device.bench.face import watch
from device.bench.scene import FPS, SensorNoise
from device.bench.timing import Json
from device.bench.voice import listen, windows
from device.perception.audio.stft import RATE_HZ
from device.perception.load import Perception
from device.perception.media.decode import NoSoundError, kind_of, read_sound, video_frames
from device.perception.media.picture import read_picture
from device.readings import Frame
from device.settings.schema import Settings

_BATCH = 15


def measure(paths: Iterable[Path], readers: Perception, settings: Settings, seconds: float) -> list[Json]:
    """A row a file, of which at most about `seconds` are measured.

    A picture is taken for a camera that looks at it: with a sensor's noise, so that no frame is the one before.
    Raises MediaError, naming the file, before anything is measured when one is none of the three.
    """
    kinds = [(path, kind_of(path)) for path in paths]
    return [_row(path, kind, readers, settings, seconds) for path, kind in kinds]


def _row(path: Path, kind: str, readers: Perception, settings: Settings, seconds: float) -> Json:
    row: Json = {"path": str(path), "kind": kind, "face": None, "voice": None}
    if kind != "sound":
        batches = _batches(_of_picture(path, seconds) if kind == "image" else _of_video(path, seconds))
        begin = list(islice(batches, 2))
        row["height_px"], row["width_px"] = begin[0][0].pixels.shape[:2] if begin else (0, 0)
        # A recording of less than two batches has none to spare.
        row["face"] = watch(readers, settings, chain(begin, batches), warm=len(begin) - 1).told()
    if kind != "image":
        row["voice"] = _heard(path, readers, settings.microphone.interval_s, seconds)
    return row


def _of_picture(path: Path, seconds: float) -> Iterator[Frame]:
    pixels = read_picture(path)
    noise = SensorNoise(pixels.shape[1], pixels.shape[0], np.random.default_rng(0))
    for count in range(max(int(seconds * FPS), _BATCH)):
        yield Frame(noise.on(pixels), count / FPS)


def _of_video(path: Path, seconds: float) -> Iterator[Frame]:
    for pixels, at_s in video_frames(path):
        if at_s > seconds:
            return
        yield Frame(pixels, at_s)


def _batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """A second's frames at a time: a whole video would fill the memory."""
    while batch := list(islice(frames, _BATCH)):
        yield batch


def _heard(path: Path, readers: Perception, interval_s: float, seconds: float) -> Json | None:
    """The voice path over a sound track; None without one of three seconds at least."""
    try:
        found = windows(read_sound(path)[: int(max(seconds, 3.0) * RATE_HZ)], interval_s)
    except NoSoundError:
        return None
    return listen(readers.voice, found, interval_s, warm=min(2, len(found) - 1)) if found else None

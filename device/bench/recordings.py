"""The two paths on the user's own pictures, videos and sounds."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from pathlib import Path

import numpy as np

from device.bench.face import measure_stream
from device.bench.scene import FPS, SensorNoise
from device.bench.timing import Json
from device.bench.voice import cut_windows, measure_windows
from device.perception.audio.stft import RATE_HZ
from device.perception.load import Perception
from device.perception.media.decode import NoSoundError, detect_kind, read_sound, video_frames
from device.perception.media.picture import read_picture
from device.readings import Frame
from device.settings.schema import Settings


def measure(paths: Iterable[Path], perception: Perception, settings: Settings, seconds: float) -> list[Json]:
    """One row per file; at most about `seconds` of each are measured.

    A picture is measured as if a camera filmed it, with sensor noise, so that no two frames are the same. If a file
    is neither picture, video nor sound, raises MediaError, which names it, before anything is measured.
    """
    kinds = [(path, detect_kind(path)) for path in paths]
    return [_row(path, kind, perception, settings, seconds) for path, kind in kinds]


def _row(path: Path, kind: str, perception: Perception, settings: Settings, seconds: float) -> Json:
    row: Json = {"path": str(path), "kind": kind, "face": None, "voice": None}
    if kind != "sound":
        batches = _split_batches(_read_picture(path, seconds) if kind == "image" else _read_video(path, seconds))
        first = list(islice(batches, 2))
        row["height_px"], row["width_px"] = first[0][0].pixels.shape[:2] if first else (0, 0)
        # A recording of a single batch has none to warm up with.
        row["face"] = measure_stream(perception, settings, chain(first, batches), warm_up=len(first) - 1).as_json()
    if kind != "image":
        row["voice"] = _measure_voice(path, perception, settings.microphone.interval_s, seconds)
    return row


def _read_picture(path: Path, seconds: float) -> Iterator[Frame]:
    pixels = read_picture(path)
    noise = SensorNoise(pixels.shape[1], pixels.shape[0], np.random.default_rng(0))
    for count in range(max(int(seconds * FPS), FPS)):
        yield Frame(noise.add_to(pixels), count / FPS)


def _read_video(path: Path, seconds: float) -> Iterator[Frame]:
    for pixels, at_s in video_frames(path):
        if at_s > seconds:
            return
        yield Frame(pixels, at_s)


def _split_batches(frames: Iterator[Frame]) -> Iterator[list[Frame]]:
    """The frames of one second at a time: a whole video would fill the memory."""
    while batch := list(islice(frames, FPS)):
        yield batch


def _measure_voice(path: Path, perception: Perception, interval_s: float, seconds: float) -> Json | None:
    """Measure the voice path on a sound track; None if the track is missing or shorter than three seconds."""
    try:
        windows = cut_windows(read_sound(path)[: int(max(seconds, 3.0) * RATE_HZ)], interval_s)
    except NoSoundError:
        return None
    return measure_windows(perception.voice, windows, interval_s, min(2, len(windows) - 1)) if windows else None

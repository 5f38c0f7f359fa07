"""`mien analyze`: pictures, sounds and videos read offline, by the same parts as the live loop."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from device.emotions import Floats, as_dict, top
from device.errors import MienError
from device.perception.audio.dc_offset import remove_dc
from device.perception.audio.stft import RATE_HZ
from device.perception.audio.vad import BLOCK, speech_frames
from device.perception.face.align import cut_out, whole_picture
from device.perception.face.cpu_budget import CpuBudget
from device.perception.face.still import find_in_still, is_large
from device.perception.load import Perception
from device.perception.media.decode import (
    NoSoundError,
    as_media_error,
    kind_of,
    read_sound,
    video_frames,
)
from device.perception.media.picture import read_picture
from device.perception.mood.fusion import Fusion
from device.perception.mood.smoothing import MoodSmoother
from device.perception.offline.timeline import build_timeline
from device.perception.voice.classifier import WINDOW
from device.readings import FaceReading, Frame, SoundWindow, VoiceReading
from device.settings.schema import Settings

Json = dict[str, Any]
_log = logging.getLogger(__name__)

_LONG_SOUND_S = 6.0
_VIDEO_FPS = 10.0


@dataclass(frozen=True)
class Wanted:
    """What the user asked for."""

    crop: bool = False
    """A picture is a face already."""
    face: bool = True
    voice: bool = True


def analyze(path: Path, wanted: Wanted, readers: Perception, settings: Settings) -> Json:
    """One file as one JSON object. A file that cannot be read is told in its `error`, never raised."""
    result: Json = {"path": str(path), "kind": None, "seconds": None, "faces": [], "voice": None, "mood": None}
    result |= {"timeline": [], "error": None}
    readers.voice.rest()  # what was measured of the file before says nothing of this one
    try:
        result["kind"] = kind_of(path)
        read = {"image": _image, "sound": _sound, "video": _video}[result["kind"]]
        with as_media_error(path):
            result |= read(path, wanted, readers, settings)
    except MienError as error:
        result["error"] = str(error)
    return result


def _image(path: Path, wanted: Wanted, readers: Perception, settings: Settings) -> Json:
    if not wanted.face:
        return {}
    pixels = read_picture(path)
    if wanted.crop:
        faces = [whole_picture(_gray(pixels))]
    else:
        faces = [replace(f, crop=cut_out(pixels, f)) for f in find_in_still(readers.detector, pixels)]
    readings = [readers.face.read(replace(face, track=i), 0.0) for i, face in enumerate(faces)]
    fusion = Fusion(settings.mood.reading_max_age_s)
    for reading in readings:
        fusion.saw(reading)
    mood = MoodSmoother(settings.mood).update(fusion.now(0.0), len(readings), 0.0) if readings else None
    return {"faces": [_face(r) for r in readings], "mood": mood.as_json(4) if mood else None}


def _sound(path: Path, wanted: Wanted, readers: Perception, settings: Settings) -> Json:
    samples = _heard(path)
    seconds = len(samples) / RATE_HZ
    readings = list(windows(samples, readers, settings.microphone.interval_s)) if wanted.voice else []
    timeline, mood = build_timeline([], readings, seconds, settings)
    return {
        "seconds": round(seconds, 3),
        "voice": _voice(readings, samples),
        "mood": mood.as_json(4) if mood else None,
        "timeline": timeline if seconds > _LONG_SOUND_S else [],
    }


def _video(path: Path, wanted: Wanted, readers: Perception, settings: Settings) -> Json:
    seen, seconds = _seen(path, wanted, readers, settings) if wanted.face else ([], 0.0)
    samples = np.zeros(0, np.float32)
    if wanted.voice:
        try:
            samples = _heard(path)
        except NoSoundError:
            _log.debug("%s: a silent film", path)
    seconds = max(seconds, len(samples) / RATE_HZ)
    heard = list(windows(samples, readers, settings.microphone.interval_s))
    timeline, mood = build_timeline(seen, heard, seconds, settings)
    return {
        "seconds": round(seconds, 3),
        "faces": [_face(r) for r in _one_a_track(seen)],
        "voice": _voice(heard, samples),
        "mood": mood.as_json(4) if mood else None,
        "timeline": timeline,
    }


def _seen(path: Path, wanted: Wanted, readers: Perception, settings: Settings) -> tuple[list[FaceReading], float]:
    """Faces of a whole video, large doubtful ones if there are no others; and when its last picture is shown, in s."""
    if wanted.crop:
        return _watched(path, lambda frame: [readers.face.read(whole_picture(_gray(frame.pixels)), frame.time_s)])
    # A file does not run away: there is time for all that the live loop would put off.
    seen, seconds = _watched(path, readers.sight(settings, budget=CpuBudget()).see)
    if not seen:
        doubting = readers.sight(settings, budget=CpuBudget(), doubting=True)
        seen, _ = _watched(path, lambda frame: [r for r in doubting.see(frame) if is_large(r.face, frame.pixels)])
    return seen, seconds


def _watched(path: Path, see: Callable[[Frame], list[FaceReading]]) -> tuple[list[FaceReading], float]:
    """What `see` reads in a whole video, _VIDEO_FPS times a second; and when its last picture is shown, in s."""
    seen: list[FaceReading] = []
    seconds = due = 0.0
    for pixels, at_s in video_frames(path):
        seconds = max(seconds, at_s)
        if at_s >= due:
            due = at_s + 1 / _VIDEO_FPS
            seen += [replace(reading, time_s=at_s) for reading in see(Frame(pixels, at_s))]
    return seen, seconds


def _heard(path: Path) -> Floats:
    samples = read_sound(path)
    return remove_dc(samples, out=samples)


def _gray(pixels: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)


def windows(samples: Floats, readers: Perception, interval_s: float) -> Iterator[VoiceReading]:
    """Readings of a whole sound as the live loop makes them: the last three seconds, every `interval_s`."""
    for end in window_ends(samples, interval_s):
        begin = max(end - WINDOW, 0)
        reading = readers.voice.read(SoundWindow(samples[begin:end], end / RATE_HZ, begin))
        if reading is not None:
            yield reading


def window_ends(samples: Floats, interval_s: float) -> list[int]:
    """Where the windows of a whole sound end, in samples: each `interval_s` from the first full one, and at the end."""
    return [*range(min(WINDOW, len(samples)), len(samples), max(round(interval_s * RATE_HZ), 1)), len(samples)]


def together(readings: list[VoiceReading]) -> Floats:
    """The mean over a sound's readings, weighted by how much voice was in each: (7,)."""
    weights = np.array([r.speech_share for r in readings], np.float32)
    return np.average([r.probabilities for r in readings], axis=0, weights=weights).astype(np.float32)


def _one_a_track(seen: list[FaceReading]) -> list[FaceReading]:
    """For each person of a video the best look, with the probabilities of all looks averaged by quality."""
    tracks: dict[int, list[FaceReading]] = {}
    for reading in seen:
        tracks.setdefault(reading.face.track, []).append(reading)
    people = []
    for readings in tracks.values():
        weights = [max(r.quality, 1e-3) for r in readings]
        joined = np.average([r.probabilities for r in readings], axis=0, weights=weights).astype(np.float32)
        people.append(replace(max(readings, key=lambda r: r.quality), probabilities=joined))
    return people


def _face(reading: FaceReading) -> Json:
    return {
        "box": [round(v, 1) for v in reading.face.box],
        "score": round(reading.face.score, 4),
        "emotion": top(reading.probabilities).value,
        "probabilities": as_dict(reading.probabilities),
    }


def _voice(readings: list[VoiceReading], samples: Floats) -> Json | None:
    if not readings:
        return None
    joined = together(readings)
    speech_s = float(speech_frames(samples).sum()) * BLOCK / RATE_HZ
    return {"emotion": top(joined).value, "probabilities": as_dict(joined), "speech_s": round(speech_s, 2)}

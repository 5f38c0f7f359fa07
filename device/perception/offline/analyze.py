"""`mien analyze`: reads pictures, sounds and videos offline, with the same parts as the live loop."""

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from device.emotions import Floats, as_dict, top
from device.errors import MienError
from device.perception.audio.dc_offset import remove_dc
from device.perception.audio.stft import RATE_HZ
from device.perception.audio.vad import BLOCK, speech_frames
from device.perception.face.align import cut_out, face_of_whole_picture
from device.perception.face.cpu_budget import CpuBudget
from device.perception.face.still import find_in_still, is_large
from device.perception.load import Perception
from device.perception.media.decode import NoSoundError, as_media_error, detect_kind, read_sound, video_frames
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
class Options:
    """Which senses to read, and how."""

    crop: bool = False
    """Pictures are already cropped to a face."""
    face: bool = True
    voice: bool = True


def analyze(path: Path, options: Options, perception: Perception, settings: Settings) -> Json:
    """One file as one JSON object. If it cannot be read, `error` says why; nothing is raised."""
    result: Json = {"path": str(path), "kind": None, "seconds": None, "faces": [], "voice": None, "mood": None}
    result |= {"timeline": [], "error": None}
    perception.voice.reset()  # forget the file before
    try:
        result["kind"] = detect_kind(path)
        read = {"image": _image, "sound": _sound, "video": _video}[result["kind"]]
        with as_media_error(path):
            result |= read(path, options, perception, settings)
    except MienError as error:
        result["error"] = str(error)
    return result


def _image(path: Path, options: Options, perception: Perception, settings: Settings) -> Json:
    if not options.face:
        return {}
    pixels = read_picture(path)
    if options.crop:
        faces = [face_of_whole_picture(pixels)]
    else:
        faces = [replace(f, crop=cut_out(pixels, f)) for f in find_in_still(perception.detector, pixels)]
    readings = [perception.face.read(replace(face, track=i), 0.0) for i, face in enumerate(faces)]
    fusion = Fusion(settings.mood.reading_max_age_s)
    for reading in readings:
        fusion.add_face(reading)
    mood = MoodSmoother(settings.mood).update(fusion.now(0.0), len(readings), 0.0) if readings else None
    return {"faces": [_face(r) for r in readings], "mood": mood.as_json(4) if mood else None}


def _sound(path: Path, options: Options, perception: Perception, settings: Settings) -> Json:
    samples = _read_sound(path)
    seconds = len(samples) / RATE_HZ
    readings = list(read_windows(samples, perception, settings.microphone.interval_s)) if options.voice else []
    timeline, mood = build_timeline([], readings, seconds, settings)
    return {
        "seconds": round(seconds, 3),
        "voice": _voice(readings, samples),
        "mood": mood.as_json(4) if mood else None,
        "timeline": timeline if seconds > _LONG_SOUND_S else [],
    }


def _video(path: Path, options: Options, perception: Perception, settings: Settings) -> Json:
    faces, seconds = _read_faces(path, options, perception, settings) if options.face else ([], 0.0)
    samples = np.zeros(0, np.float32)
    if options.voice:
        try:
            samples = _read_sound(path)
        except NoSoundError:
            _log.debug("%s: a silent film", path)
    seconds = max(seconds, len(samples) / RATE_HZ)
    voices = list(read_windows(samples, perception, settings.microphone.interval_s))
    timeline, mood = build_timeline(faces, voices, seconds, settings)
    return {
        "seconds": round(seconds, 3),
        "faces": [_face(r) for r in _average_by_track(faces)],
        "voice": _voice(voices, samples),
        "mood": mood.as_json(4) if mood else None,
        "timeline": timeline,
    }


def _read_faces(
    path: Path, options: Options, perception: Perception, settings: Settings
) -> tuple[list[FaceReading], float]:
    """(readings of a video's faces, the time of its last frame in s). Without faces, large ones with a low score."""
    if options.crop:
        reader = perception.face
        return _read_frames(path, lambda frame: [reader.read(face_of_whole_picture(frame.pixels), frame.time_s)])
    # A file can wait: without a budget, nothing is put off.
    faces, seconds = _read_frames(path, perception.open_face_stream(settings, budget=CpuBudget()).read)
    if not faces:
        lenient = perception.open_face_stream(settings, budget=CpuBudget(), lenient=True)
        faces, _ = _read_frames(path, lambda frame: [r for r in lenient.read(frame) if is_large(r.face, frame.pixels)])
    return faces, seconds


def _read_frames(path: Path, read: Callable[[Frame], list[FaceReading]]) -> tuple[list[FaceReading], float]:
    """(what `read` reads in _VIDEO_FPS frames a second of a whole video, the time of its last frame in s)."""
    faces: list[FaceReading] = []
    seconds = due = 0.0
    for pixels, at_s in video_frames(path):
        seconds = max(seconds, at_s)
        if at_s >= due:
            due = at_s + 1 / _VIDEO_FPS
            faces += [replace(reading, time_s=at_s) for reading in read(Frame(pixels, at_s))]
    return faces, seconds


def _read_sound(path: Path) -> Floats:
    samples = read_sound(path)
    return remove_dc(samples, out=samples)


def read_windows(samples: Floats, perception: Perception, interval_s: float) -> Iterator[VoiceReading]:
    """Read a whole sound like the live loop does: every `interval_s`, the last three seconds."""
    for end in window_ends(samples, interval_s):
        begin = max(end - WINDOW, 0)
        reading = perception.voice.read(SoundWindow(samples[begin:end], end / RATE_HZ, begin))
        if reading is not None:
            yield reading


def window_ends(samples: Floats, interval_s: float) -> list[int]:
    """The ends of the windows of a whole sound, in samples: every `interval_s` from the first full one, and the end."""
    return [*range(min(WINDOW, len(samples)), len(samples), max(round(interval_s * RATE_HZ), 1)), len(samples)]


def average_by_speech(readings: list[VoiceReading]) -> Floats:
    """The mean over a sound's readings, weighted by how much speech each contains: (7,)."""
    weights = np.array([r.speech_share for r in readings], np.float32)
    return np.average([r.probabilities for r in readings], axis=0, weights=weights).astype(np.float32)


def _average_by_track(faces: list[FaceReading]) -> list[FaceReading]:
    """For each person of a video the best reading, with the probabilities of all readings averaged by quality."""
    tracks: dict[int, list[FaceReading]] = {}
    for reading in faces:
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
    joined = average_by_speech(readings)
    speech_s = float(speech_frames(samples).sum()) * BLOCK / RATE_HZ
    return {"emotion": top(joined).value, "probabilities": as_dict(joined), "speech_s": round(speech_s, 2)}

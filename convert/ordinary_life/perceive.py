"""Runs an hour through the device's readers: what its two reading threads would hand to the fusion, and when."""

from dataclasses import dataclass

import numpy as np

from convert.ordinary_life.portraits import Mouth, Pose, draw_crop, place_in_frame
from convert.ordinary_life.script import Script, Visit
from convert.ordinary_life.soundtrack import envelope, loudness_at, play
from device.emotions import Floats
from device.perception.audio.stft import RATE_HZ
from device.perception.face.classifier import FaceReader
from device.perception.voice.classifier import WINDOW, VoiceReader
from device.readings import FaceReading, SoundWindow, VoiceReading
from device.settings.schema import Settings

_LOOK_S = 0.2
"""The device looks at a changing face this often."""
_NOTICED_S = 0.7
"""Time until a newcomer counts: half a search of the empty room, and the second sighting."""
_FADE_S = 0.5
"""Time in which one expression becomes another."""
_TURNS_AWAY_S = 60.0
_AWAY_S = (1.0, 6.0)
_HALF_TURNED = 0.3


@dataclass(frozen=True)
class Readings:
    """All readings of an hour, in order of time."""

    faces: list[FaceReading]
    """Their `face.track` is the index of the visit, plus one. They have no crop."""
    voices: list[VoiceReading]
    length_s: float


def perceive(script: Script, face_reader: FaceReader, voice_reader: VoiceReader) -> Readings:
    """Read a whole hour. `voice_reader` must be new: it learns the voices of this household, as on the device."""
    faces = [reading for number in range(len(script.visits)) for reading in _read_visit(script, number, face_reader)]
    faces.sort(key=lambda reading: reading.time_s)
    return Readings(faces, _read_sound(script, voice_reader), script.length_s)


def _read_sound(script: Script, reader: VoiceReader) -> list[VoiceReading]:
    interval_s = Settings().microphone.interval_s
    ring = np.zeros(0, np.float32)
    readings = []
    for second, block in enumerate(play(script), start=1):
        ring = np.concatenate([ring, block])[-WINDOW:]
        window = SoundWindow(ring, float(second), second * RATE_HZ - len(ring))
        reading = reader.read(window, learn=interval_s / 3)
        if reading is not None:
            readings.append(reading)
    return readings


def _read_visit(script: Script, number: int, reader: FaceReader) -> list[FaceReading]:
    visit = script.visits[number]
    rng = np.random.default_rng((script.seed, 4, number))
    sounds = [(sound, envelope(sound)) for sound in script.voices if sound.visit == number]
    body, speech = _Body(rng), _Speech(rng)
    width_px, noise = rng.uniform(45, 140), rng.uniform(1, 4)
    light = _Light(rng)
    readings = []
    for time_s in np.arange(visit.start_s + _NOTICED_S, min(visit.end_s, script.length_s), _LOOK_S).tolist():
        pose = body.move(time_s)
        if pose is None:
            continue
        mouth = speech.shape(max((loudness_at(sound, shape, time_s) for sound, shape in sounds), default=0.0))
        pixels = light.fall_on(_draw(visit, time_s, pose, mouth)) + noise * rng.standard_normal((48, 48))
        crop = np.clip(pixels, 0, 255).round().astype(np.uint8)
        reading = reader.read(place_in_frame(pose, width_px, number + 1, crop), time_s)
        readings.append(_without_crop(reading))
    return readings


def _draw(visit: Visit, time_s: float, pose: Pose, mouth: Mouth) -> Floats:
    """The face of a moment, in the middle of a change of expression that of both."""
    starts_s, ends_s = visit.mood_s
    share = min(max(min(time_s - starts_s, ends_s - time_s) / _FADE_S, 0.0), 1.0) if visit.mood else 0.0
    if visit.mood is None or share == 0:
        return draw_crop(visit.portrait, pose, mouth)
    # The teeth of an expression are its own: a painted mouth would hide a smile.
    changed = draw_crop(visit.mood, pose, Mouth(0.5 * mouth.opening, mouth.narrow, mouth.half_width, mouth.level))
    return changed if share == 1 else (1 - share) * draw_crop(visit.portrait, pose, mouth) + share * changed


def _without_crop(reading: FaceReading) -> FaceReading:
    face = type(reading.face)(reading.face.box, reading.face.score, reading.face.key_points, None, reading.face.track)
    return FaceReading(face, reading.probabilities, reading.quality, reading.time_s)


class _Body:
    """A head that moves all the time, and sometimes turns half or fully away. The detector's errors come on top."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._lean = rng.normal(0, 0.08, 2)
        self._away_s = (-1.0, -1.0)
        self._next_s = -1.0
        self._half = False

    def move(self, time_s: float) -> Pose | None:
        """The pose at the next look; None while the face cannot be seen."""
        rng = self._rng
        decay = np.exp(-_LOOK_S / 4)
        self._lean = decay * self._lean + np.sqrt(1 - decay**2) * rng.normal(0, 0.09, 2)
        if self._next_s < 0:
            self._next_s = time_s + rng.exponential(_TURNS_AWAY_S)
        if time_s >= self._next_s:
            self._away_s = time_s, time_s + rng.uniform(*_AWAY_S)
            self._half = bool(rng.random() < 0.5)
            self._next_s = self._away_s[1] + rng.exponential(_TURNS_AWAY_S)
        lean_x, lean_y = self._lean.tolist()
        if self._away_s[0] <= time_s < self._away_s[1]:
            if not self._half:
                return None
            lean_x = float(np.copysign(_HALF_TURNED, lean_x))
        shift_x, shift_y = rng.normal(0, 0.025, 2).tolist()
        return Pose((lean_x, lean_y), (shift_x, shift_y), float(1 + rng.normal(0, 0.03)), float(rng.normal(0, 0.04)))


class _Speech:
    """A mouth that follows what is said, in another shape every few syllables."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._level = rng.uniform(0.1, 0.5)
        self._teeth = rng.uniform(0.2, 0.45) if rng.random() < 0.4 else 0.0

    def shape(self, loudness: float) -> Mouth:
        if loudness <= 0:
            return Mouth()
        rng = self._rng
        opening = loudness * rng.uniform(0.02, 0.28)
        narrow, half_width = rng.uniform(-0.25, 0.45), rng.uniform(0.16, 0.34)
        return Mouth(opening, narrow, half_width, self._level, self._teeth)


class _Light:
    """Light from one side, weak or strong, that changes slowly enough to be constant for a visit."""

    def __init__(self, rng: np.random.Generator) -> None:
        across = np.linspace(-1, 1, 48, dtype=np.float32)
        angle, amount = rng.uniform(0, 2 * np.pi), rng.uniform(0, 0.35)
        self._gain = rng.uniform(0.5, 1.0)
        self._slope = 1 + amount * (np.cos(angle) * across[None, :] + np.sin(angle) * across[:, None])

    def fall_on(self, pixels: Floats) -> Floats:
        return np.asarray(self._gain * self._slope * pixels, np.float32)

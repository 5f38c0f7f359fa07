"""Readings of both senses -> one distribution, each weighted by how good it is at each emotion and by its quality.

Weighting each sense's probabilities by its F-score for that emotion is the method of seed B (a 2021 student
project on call centres and homes); the quality and the age of a reading are ours.
"""

from dataclasses import dataclass

import numpy as np

from device.emotions import Floats, top, uniform
from device.readings import FaceReading, Said, VoiceReading


@dataclass(frozen=True)
class Fused:
    """What all senses together say at one moment."""

    probabilities: Floats
    """(7,)."""
    face: Said | None
    voice: Said | None
    time_s: float
    """Of the newest reading in it; 0 when there is none."""

    @property
    def heard_or_seen(self) -> bool:
        """Whether any sense had something to say."""
        return self.face is not None or self.voice is not None


class Fusion:
    """Keeps the newest reading of each face and of the voice, and joins them."""

    def __init__(self, face_f1: tuple[float, ...], voice_f1: tuple[float, ...], forget_s: float = 4.0) -> None:
        """F1 per emotion, seven each, from the cards; a reading older than `forget_s` says nothing any more."""
        self._face_f1 = np.array(face_f1, np.float32)
        self._voice_f1 = np.array(voice_f1, np.float32)
        self._forget_s = forget_s
        self._faces: dict[int, FaceReading] = {}
        self._voice: VoiceReading | None = None

    def saw(self, reading: FaceReading) -> None:
        """Take a face's newest reading."""
        self._faces[reading.face.track] = reading

    def heard(self, reading: VoiceReading) -> None:
        """Take the voice's newest reading."""
        self._voice = reading

    def forget_faces(self) -> None:
        """The camera was switched off: what it saw says nothing any more."""
        self._faces.clear()

    def forget_voice(self) -> None:
        """The microphone was switched off."""
        self._voice = None

    def now(self, time_s: float) -> Fused:
        """All readings not older than `forget_s`, joined; a reading fades evenly to nothing until then."""
        self._faces = {k: r for k, r in self._faces.items() if self._freshness(r.time_s, time_s) > 0}
        faces = list(self._faces.values())
        total = np.zeros(7, np.float32)
        newest = 0.0
        face_said = voice_said = None
        if faces:
            weights = np.array([face_weight(r) * self._freshness(r.time_s, time_s) for r in faces], np.float32)
            seen = np.average([r.probabilities for r in faces], axis=0, weights=np.maximum(weights, 1e-6))
            newest = max(r.time_s for r in faces)
            face_said = _said(seen.astype(np.float32), time_s - newest)
            total += float(weights.max()) * self._face_f1 * seen
        voice = self._voice
        if voice is not None and (fresh := self._freshness(voice.time_s, time_s)) > 0:
            voice_said = _said(voice.probabilities, time_s - voice.time_s)
            total += voice_weight(voice) * fresh * self._voice_f1 * voice.probabilities
            newest = max(newest, voice.time_s)
        weight = float(total.sum())
        probabilities = total / weight if weight > 0 else uniform()
        return Fused(probabilities.astype(np.float32), face_said, voice_said, newest)

    def _freshness(self, then_s: float, now_s: float) -> float:
        return max(0.0, 1 - max(now_s - then_s, 0.0) / self._forget_s)


def face_weight(reading: FaceReading) -> float:
    """0..1: how far a face's reading is trusted beside the voice's, whatever the emotion."""
    return reading.quality


def voice_weight(reading: VoiceReading) -> float:
    """0..1: the same of the voice's."""
    return min(1.0, 0.3 + reading.speech_share)


def _said(probabilities: Floats, age_s: float) -> Said:
    return Said(top(probabilities), round(float(probabilities.max()), 4), round(max(age_s, 0.0), 3))

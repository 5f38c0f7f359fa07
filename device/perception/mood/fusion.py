"""Readings of both senses -> one distribution: their probabilities multiplied, each to the power of its trust.

A logarithmic opinion pool (Genest and Zidek 1986, "Combining probability distributions"). The more trusted sense has
the power 1, so that a face alone keeps its reading. The other has a power by its relative trust: by its quality, its
age and VOICE_POWER. A voice that no face confirms is read with less confidence. docs/REPORT.md compares this with
weighting by F-scores and four other ways.
"""

from dataclasses import dataclass

import numpy as np

from device.emotions import Floats, softmax, top, uniform
from device.readings import FaceReading, SenseReading, VoiceReading

VOICE_POWER = 0.8
"""The weight of a clear voice relative to a clear face. `python -m convert evaluate` fits it on face and voice pairs
that show the same emotion."""
VOICE_ALONE_POWER = 0.5
"""The power of a voice without a face. Voices of strangers in everyday speech are often misread, and a face usually
corrects that. `python -m convert ordinary-life` measures it: most false triggers came from voices out of view."""
_MIN_SHARE = 1e-4
"""Keeps one sense from being so sure that the other cannot outvote it."""


@dataclass(frozen=True)
class Fused:
    """The reading of all senses together at one moment."""

    probabilities: Floats
    """(7,)."""
    face: SenseReading | None
    voice: SenseReading | None
    time_s: float
    """The time of the newest reading in it; 0 without one."""

    @property
    def has_reading(self) -> bool:
        """Whether any sense had a reading."""
        return self.face is not None or self.voice is not None


class Fusion:
    """Remembers the newest reading of each face and of the voice, and combines them."""

    def __init__(self, reading_max_age_s: float = 4.0) -> None:
        """A reading older than `reading_max_age_s` no longer counts."""
        self._max_age_s = reading_max_age_s
        self._faces: dict[int, FaceReading] = {}
        self._voice: VoiceReading | None = None

    def add_face(self, reading: FaceReading) -> None:
        """Replace the reading of this face."""
        self._faces[reading.face.track] = reading

    def add_voice(self, reading: VoiceReading) -> None:
        """Replace the reading of the voice."""
        self._voice = reading

    def clear_faces(self) -> None:
        """Forget the faces: the camera was switched off."""
        self._faces.clear()

    def clear_voice(self) -> None:
        """Forget the voice: the microphone was switched off."""
        self._voice = None

    def now(self, time_s: float) -> Fused:
        """All readings combined. A reading's weight falls linearly with its age, to 0 at `reading_max_age_s`."""
        self._faces = {k: r for k, r in self._faces.items() if self._freshness(r.time_s, time_s) > 0}
        faces = list(self._faces.values())
        newest = face_trust = voice_trust = 0.0
        face_shares = voice_shares = uniform()
        face = voice = None
        if faces:
            weights = np.array([r.quality * self._freshness(r.time_s, time_s) for r in faces], np.float32)
            face_shares = np.average([r.probabilities for r in faces], axis=0, weights=np.maximum(weights, 1e-6))
            face_trust = max(float(weights.max()), 1e-6)
            newest = max(r.time_s for r in faces)
            face = _sense_reading(face_shares.astype(np.float32), time_s - newest)
        reading = self._voice
        if reading is not None and (fresh := self._freshness(reading.time_s, time_s)) > 0:
            voice_shares, voice_trust = reading.probabilities, voice_weight(reading) * fresh
            voice = _sense_reading(voice_shares, time_s - reading.time_s)
            newest = max(newest, reading.time_s)
        return Fused(pool(face_shares, voice_shares, face_trust, voice_trust), face, voice, newest)

    def _freshness(self, then_s: float, now_s: float) -> float:
        return max(0.0, 1 - max(now_s - then_s, 0.0) / self._max_age_s)


def pool(face: Floats, voice: Floats, face_trust: float, voice_trust: float) -> Floats:
    """(7,) from a face's and a voice's probabilities, each (7,); a sense with a trust of 0 does not count.

    As trust in the face falls below that in the voice, all evidence is weakened, down to VOICE_ALONE_POWER. So a voice
    gets no surer when the face that contradicted it leaves.
    """
    powers = np.array([face_trust, VOICE_POWER * voice_trust])
    if not powers.max() > 0:
        return uniform()
    powers /= powers.max()
    powers *= VOICE_ALONE_POWER + (1 - VOICE_ALONE_POWER) * powers[0]
    total = powers[0] * np.log(np.maximum(face, _MIN_SHARE)) + powers[1] * np.log(np.maximum(voice, _MIN_SHARE))
    return softmax(total.astype(np.float32))


def voice_weight(reading: VoiceReading) -> float:
    """0..1: the trust in a voice's reading."""
    return min(1.0, 0.3 + reading.speech_share)


def _sense_reading(probabilities: Floats, age_s: float) -> SenseReading:
    return SenseReading(top(probabilities), round(float(probabilities.max()), 4), round(max(age_s, 0.0), 3))

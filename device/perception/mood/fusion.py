"""Readings of both senses -> one distribution: their probabilities multiplied, each to the power of its trust.

A logarithmic opinion pool (Genest and Zidek 1986, "Combining probability distributions"). The sense that is trusted
most counts once, so that one alone says just what it read; the other counts by how far it is trusted beside it: by its
quality, its age, and VOICE_POWER. docs/REPORT.md has it measured against weighting by F-scores, and four more ways.
"""

from dataclasses import dataclass

import numpy as np

from device.emotions import Floats, softmax, top, uniform
from device.readings import FaceReading, SenseReading, VoiceReading

VOICE_POWER = 0.8
"""How far a clear voice counts beside a clear face; fitted on pairs of one emotion, by `python -m convert evaluate`."""
_MIN_SHARE = 1e-4
"""No sense is so sure that another could not change its mind."""


@dataclass(frozen=True)
class Fused:
    """What all senses together say at one moment."""

    probabilities: Floats
    """(7,)."""
    face: SenseReading | None
    voice: SenseReading | None
    time_s: float
    """Of the newest reading in it; 0 when there is none."""

    @property
    def heard_or_seen(self) -> bool:
        """Whether any sense had something to say."""
        return self.face is not None or self.voice is not None


class Fusion:
    """Keeps the newest reading of each face and of the voice, and joins them."""

    def __init__(self, reading_max_age_s: float = 4.0) -> None:
        """A reading older than `reading_max_age_s` says nothing any more."""
        self._forget_s = reading_max_age_s
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
        """All readings not older than `reading_max_age_s`, joined; a reading fades evenly to nothing until then."""
        self._faces = {k: r for k, r in self._faces.items() if self._freshness(r.time_s, time_s) > 0}
        faces = list(self._faces.values())
        newest = face_trust = voice_trust = 0.0
        seen = heard = uniform()
        face_said = voice_said = None
        if faces:
            weights = np.array([face_weight(r) * self._freshness(r.time_s, time_s) for r in faces], np.float32)
            seen = np.average([r.probabilities for r in faces], axis=0, weights=np.maximum(weights, 1e-6))
            face_trust = max(float(weights.max()), 1e-6)
            newest = max(r.time_s for r in faces)
            face_said = _said(seen.astype(np.float32), time_s - newest)
        voice = self._voice
        if voice is not None and (fresh := self._freshness(voice.time_s, time_s)) > 0:
            heard, voice_trust = voice.probabilities, voice_weight(voice) * fresh
            voice_said = _said(heard, time_s - voice.time_s)
            newest = max(newest, voice.time_s)
        return Fused(pooled(seen, heard, face_trust, voice_trust), face_said, voice_said, newest)

    def _freshness(self, then_s: float, now_s: float) -> float:
        return max(0.0, 1 - max(now_s - then_s, 0.0) / self._forget_s)


def pooled(seen: Floats, heard: Floats, face_trust: float, voice_trust: float) -> Floats:
    """(7,): what a face's (7,) and a voice's (7,) probabilities say together; a trust of 0 is silence."""
    powers = np.array([face_trust, VOICE_POWER * voice_trust])
    if not powers.max() > 0:
        return uniform()
    powers /= powers.max()
    total = powers[0] * np.log(np.maximum(seen, _MIN_SHARE)) + powers[1] * np.log(np.maximum(heard, _MIN_SHARE))
    return softmax(total.astype(np.float32))


def face_weight(reading: FaceReading) -> float:
    """0..1: how far a face's reading is trusted beside the voice's, whatever the emotion."""
    return reading.quality


def voice_weight(reading: VoiceReading) -> float:
    """0..1: the same of the voice's."""
    return min(1.0, 0.3 + reading.speech_share)


def _said(probabilities: Floats, age_s: float) -> SenseReading:
    return SenseReading(top(probabilities), round(float(probabilities.max()), 4), round(max(age_s, 0.0), 3))

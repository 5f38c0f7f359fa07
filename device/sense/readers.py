"""The models and what reads with them: the same live and in `mien analyze`."""

import logging
from dataclasses import dataclass, field

import cv2

from device.sense.expression import FaceReader
from device.sense.looking.budget import Budget
from device.sense.looking.detector import FAR, NEAR, BlazeFace, FaceDetector
from device.sense.looking.following import Following
from device.sense.looking.refined import FAINT, PROPOSED, Refined
from device.sense.model import PAIRS, Model
from device.sense.pairs.choice import choose
from device.sense.pairs.record import state_of
from device.sense.sight import Sight
from device.sense.voice import VoiceReader
from device.settings import Settings

log = logging.getLogger(__name__)


def detector_of(settings: Settings) -> Refined:
    """The detector that `camera.range` names. Raises ModelError."""
    camera = settings.camera
    far: FaceDetector
    near: FaceDetector
    if camera.range == "mediapipe":
        from device.sense.looking.mediapipe_detector import MediaPipeDetector

        far, near = MediaPipeDetector(FAINT), MediaPipeDetector(FAINT)
    else:
        far = BlazeFace(FAR, PROPOSED) if camera.range == "far" else BlazeFace(NEAR, FAINT)
        near = BlazeFace(NEAR, FAINT)
    return Refined(far, near, camera.least_score)


@dataclass(frozen=True)
class Readers:
    """A detector and two readers, with the pairs that they read with."""

    detector: Refined
    face: FaceReader
    voice: VoiceReader
    face_model: Model
    voice_model: Model
    prosody_model: Model
    damages: dict[str, str] = field(default_factory=dict)
    """Sense (`face`, `voice`) -> what keeps an installed pair from being used; a sound one is not named."""

    def sight(self, settings: Settings, budget: Budget | None = None, *, doubting: bool = False) -> Sight:
        """A Sight for frame after frame of one stream, within `budget` or the settings'; each stream needs its own.

        `doubting`: one that is content with less of a face.
        """
        budget = budget or Budget(settings.camera.budget)
        detector = self.detector.doubting() if doubting else self.detector
        return Sight(Following(detector, budget), self.face, budget, settings.camera.most_faces)


def readers_of(settings: Settings, *, live: bool = False) -> Readers:
    """Load and check the model pairs. Raises ModelError. `live`: how voices usually sound here is remembered."""
    # What is cut out and shrunk here is small: OpenCV's own threads wake other cores for nothing.
    cv2.setNumThreads(1)
    choices = {name: choose(name, state_of(settings)) for name in PAIRS}
    face, voice, prosody = (choices[name].model for name in PAIRS)
    damages: dict[str, str] = {}
    for name, choice in choices.items():
        if choice.damage:
            log.error("%s", choice.damage)
            damages.setdefault("face" if name == "face" else "voice", choice.damage)
    kept = settings.state_dir / "voices.json" if live else None
    heard = VoiceReader(voice, prosody, settings.microphone.least_speech, kept)
    return Readers(detector_of(settings), FaceReader(face), heard, face, voice, prosody, damages)

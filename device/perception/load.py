"""The models and what reads with them: the same live and in `mien analyze`."""

import logging
from dataclasses import dataclass, field

import cv2

from device.perception.face.classifier import FaceReader
from device.perception.face.cpu_budget import Budget
from device.perception.face.detector import FAR, NEAR, BlazeFace, FaceDetector
from device.perception.face.follower import Following
from device.perception.face.stream import Sight
from device.perception.face.two_stage import FAINT, PROPOSED, Refined
from device.perception.models.card import PAIRS
from device.perception.models.model import Model
from device.perception.models.registry import choose, state_of
from device.perception.voice.classifier import VoiceReader
from device.settings.schema import Settings

log = logging.getLogger(__name__)


def detector_of(settings: Settings) -> Refined:
    """The detector that `camera.range` names. Raises ModelError."""
    camera = settings.camera
    far: FaceDetector
    near: FaceDetector
    if camera.range == "mediapipe":
        from device.perception.face.mediapipe import MediaPipeDetector

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

"""The models and what reads with them: the same live and in `mien analyze`."""

import logging
from dataclasses import dataclass, field

import cv2

from device.perception.face.classifier import FaceReader
from device.perception.face.cpu_budget import CpuBudget
from device.perception.face.detector import FULL_RANGE, SHORT_RANGE, BlazeFace, FaceDetector
from device.perception.face.follower import FaceFollower
from device.perception.face.stream import FaceStream
from device.perception.face.two_stage import FAINT, PROPOSED, TwoStageDetector
from device.perception.models.card import MODEL_NAMES
from device.perception.models.model import Model
from device.perception.models.registry import select, state_folder
from device.perception.voice.classifier import VoiceReader
from device.settings.schema import Settings

_log = logging.getLogger(__name__)


def open_detector(settings: Settings) -> TwoStageDetector:
    """The detector that `camera.range` names. Raises ModelError."""
    camera = settings.camera
    far: FaceDetector
    near: FaceDetector
    if camera.range == "mediapipe":
        from device.perception.face.mediapipe import MediaPipeDetector

        far, near = MediaPipeDetector(FAINT), MediaPipeDetector(FAINT)
    else:
        far = BlazeFace(FULL_RANGE, PROPOSED) if camera.range == "far" else BlazeFace(SHORT_RANGE, FAINT)
        near = BlazeFace(SHORT_RANGE, FAINT)
    return TwoStageDetector(far, near, camera.min_score)


@dataclass(frozen=True)
class Perception:
    """A detector and two readers, with the pairs that they read with."""

    detector: TwoStageDetector
    face: FaceReader
    voice: VoiceReader
    face_model: Model
    voice_model: Model
    prosody_model: Model
    damages: dict[str, str] = field(default_factory=dict)
    """Sense (`face`, `voice`) -> what keeps an installed pair from being used; a sound one is not named."""

    def sight(self, settings: Settings, budget: CpuBudget | None = None, *, doubting: bool = False) -> FaceStream:
        """A Sight for frame after frame of one stream, within `budget` or the settings'; each stream needs its own.

        `doubting`: one that is content with less of a face.
        """
        budget = budget or CpuBudget(settings.camera.cpu_budget)
        detector = self.detector.doubting() if doubting else self.detector
        return FaceStream(FaceFollower(detector, budget), self.face, budget, settings.camera.max_faces)


def load_perception(settings: Settings, *, live: bool = False) -> Perception:
    """Load and check the model pairs. Raises ModelError. `live`: how voices usually sound here is remembered."""
    # What is cut out and shrunk here is small: OpenCV's own threads wake other cores for nothing.
    cv2.setNumThreads(1)
    choices = {name: select(name, state_folder(settings)) for name in MODEL_NAMES}
    face, voice, prosody = (choices[name].model for name in MODEL_NAMES)
    damages: dict[str, str] = {}
    for name, choice in choices.items():
        if choice.damage:
            _log.error("%s", choice.damage)
            damages.setdefault("face" if name == "face" else "voice", choice.damage)
    kept = settings.state_dir / "voices.json" if live else None
    heard = VoiceReader(voice, prosody, settings.microphone.min_speech, kept)
    return Perception(open_detector(settings), FaceReader(face), heard, face, voice, prosody, damages)

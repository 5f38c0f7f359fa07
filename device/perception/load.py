"""Loads the models and everything that reads with them: the same for `sense` and for `mien analyze`."""

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
from device.perception.models.hangs import HangRecord
from device.perception.models.model import Model
from device.perception.models.registry import select, state_folder
from device.perception.voice.classifier import VoiceReader
from device.settings.schema import Settings

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Perception:
    """The face detector, the face and voice readers, and the models they use."""

    detector: TwoStageDetector
    face: FaceReader
    voice: VoiceReader
    face_model: Model
    voice_model: Model
    prosody_model: Model
    damages: dict[str, str] = field(default_factory=dict)
    """Sense (`face`, `voice`) -> why its installed model cannot be used; senses without damage are left out."""
    installed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Sense -> the digests of its installed models in use; empty while all are shipped."""

    def open_face_stream(
        self, settings: Settings, budget: CpuBudget | None = None, *, lenient: bool = False
    ) -> FaceStream:
        """A FaceStream for the frames of one stream; each stream needs its own.

        `budget` replaces that of the settings. `lenient`: accept faces with a lower score.
        """
        budget = budget or CpuBudget(settings.camera.cpu_budget)
        detector = self.detector.lenient() if lenient else self.detector
        return FaceStream(FaceFollower(detector, budget), self.face, budget, settings.camera.max_faces)


def load_perception(settings: Settings, *, live: bool = False) -> Perception:
    """Load and check the models. Raises ModelError.

    `live`: the speaker baseline is loaded from the state folder and saved there.
    """
    # The pictures are small: OpenCV's threads would wake other cores without saving any time.
    cv2.setNumThreads(1)
    hangs = HangRecord(settings.sense_dir)
    selections = {name: select(name, state_folder(settings), hangs=hangs) for name in MODEL_NAMES}
    face, voice, prosody = (selections[name].model for name in MODEL_NAMES)
    damages: dict[str, str] = {}
    installed: dict[str, tuple[str, ...]] = {}
    for name, selection in selections.items():
        if selection.damage:
            _log.error("%s", selection.damage)
            damages.setdefault("face" if name == "face" else "voice", selection.damage)
        if selection.installed:
            sense = "face" if name == "face" else "voice"
            installed[sense] = (*installed.get(sense, ()), selection.installed.digest)
    stats = settings.sense_dir / "voices.json" if live else None
    voice_reader = VoiceReader(voice, prosody, settings.microphone.min_speech, stats)
    return Perception(open_detector(settings), FaceReader(face), voice_reader, face, voice, prosody, damages, installed)


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

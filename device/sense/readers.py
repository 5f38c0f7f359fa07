"""The models and what reads with them: the same live and in `mien analyze`."""

import logging
from dataclasses import dataclass, field

from device.sense.detector import FAR, NEAR, BlazeFace, FaceDetector, Refined
from device.sense.expression import FaceReader
from device.sense.faces import Eyes
from device.sense.following import Following
from device.sense.model import PAIRS, Model
from device.sense.model_choice import choose
from device.sense.model_record import state_of
from device.sense.sight import Sight
from device.sense.voice import VoiceReader
from device.settings import Settings

log = logging.getLogger(__name__)


def detector_of(settings: Settings) -> FaceDetector:
    """The detector that `camera.range` names. Raises ModelError or DeviceError."""
    camera = settings.camera
    if camera.range == "mediapipe":
        from device.sense.mediapipe_detector import MediaPipeDetector

        return MediaPipeDetector(camera.least_score)
    near = BlazeFace(NEAR, camera.least_score)
    return Refined(BlazeFace(FAR, camera.least_score), near) if camera.range == "far" else near


@dataclass(frozen=True)
class Readers:
    """A detector and two readers, with the pairs that they read with."""

    detector: FaceDetector
    face: FaceReader
    voice: VoiceReader
    face_model: Model
    voice_model: Model
    prosody_model: Model
    damages: dict[str, str] = field(default_factory=dict)
    """Sense (`face`, `voice`) -> what keeps an installed pair from being used; a sound one is not named."""

    def sight(self, settings: Settings) -> Sight:
        """A Sight for frame after frame of one stream; each stream needs its own."""
        detector = Following(self.detector) if isinstance(self.detector, Refined) else self.detector
        return Sight(Eyes(detector, settings.camera.most_faces), self.face)


def readers_of(settings: Settings, *, live: bool = False) -> Readers:
    """Load and check the model pairs. Raises ModelError. `live`: how voices usually sound here is remembered."""
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

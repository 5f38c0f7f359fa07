"""The models and what reads with them: the same live and in `mien analyze`."""

from dataclasses import dataclass

from device.sense.detector import FAR, NEAR, BlazeFace, FaceDetector, Refined
from device.sense.expression import FaceReader
from device.sense.model import Model
from device.sense.voice import VoiceReader
from device.settings import Settings


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


def readers_of(settings: Settings, *, live: bool = False) -> Readers:
    """Load and check the model pairs. Raises ModelError. `live`: how voices usually sound here is remembered."""
    face, voice, prosody = Model("face"), Model("voice"), Model("prosody")
    kept = settings.state_dir / "voices.json" if live else None
    heard = VoiceReader(voice, prosody, settings.microphone.least_speech, kept)
    return Readers(detector_of(settings), FaceReader(face), heard, face, voice, prosody)

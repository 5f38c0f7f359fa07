"""Builds `sense` from the settings: the only place that chooses its parts."""

import time

import msgspec

from device.errors import DeviceError
from device.perception.load import load_perception
from device.perception.mood.baseline import BaselineRecorder
from device.perception.mood.fusion import Fusion
from device.sense.camera import Camera, open_camera
from device.sense.camera.thread import CameraThread, Latest
from device.sense.camera_proxy import is_address, redact_url
from device.sense.live_view import LIVE_CAMERA_FPS, LiveView
from device.sense.microphone import Microphone, open_microphone
from device.sense.microphone.remote import RemoteMicrophone
from device.sense.microphone.thread import MicrophoneThread, SoundRing
from device.sense.pipeline import Pipeline
from device.sense.simulator import SimulatedCamera, SimulatedMicrophone, scene_start_s
from device.sense.sound_helper import SoundHelper
from device.settings.locations import live_path
from device.settings.schema import Settings


def build_pipeline(
    settings: Settings, camera_source: str, camera_problem: str = "", sound: SoundHelper | None = None
) -> tuple[Pipeline, dict[str, str]]:
    """(Pipeline, versions of its models). `camera_source` is the one from the settings, or the camera proxy's address.

    `camera_problem`: why the camera cannot be opened at all, for a person. `sound`: it opens the microphone, if this
    process sees no sound server.

    Raises ModelError. A missing device is no error here: its thread tries until it opens.
    """
    perception = load_perception(settings, live=True)
    live = settings.kiosk.enabled and settings.kiosk.live_view
    fps = max(settings.camera.fps, LIVE_CAMERA_FPS) if live else settings.camera.fps
    camera_settings = msgspec.structs.replace(settings.camera, source=camera_source, fps=fps)
    # The same start for both, so that the picture and the sound of a video file stay in sync.
    start_s = time.monotonic() + 0.5

    def camera() -> Camera:
        if camera_problem:
            raise DeviceError(camera_problem)
        if camera_source.startswith("stand-in"):
            return SimulatedCamera(scene_start_s(camera_source, start_s), camera_settings.fps)
        name = redact_url(settings.camera.source) if is_address(settings.camera.source) else ""
        return open_camera(camera_settings, time.monotonic, start_s=start_s, name=name)

    def microphone() -> Microphone:
        if settings.microphone.source.startswith("stand-in"):
            return SimulatedMicrophone(scene_start_s(settings.microphone.source, start_s))
        if sound and not settings.microphone.source.startswith("file:"):
            return RemoteMicrophone(sound, settings.microphone.source)
        return open_microphone(settings.microphone, time.monotonic, start_s=start_s)

    pipeline = Pipeline(
        settings,
        CameraThread(camera, Latest(), camera_settings.timeout_s, rotation=camera_settings.rotation),
        MicrophoneThread(microphone, SoundRing(), settings.microphone.timeout_s),
        perception.open_face_stream(settings),
        perception.voice,
        Fusion(settings.mood.reading_max_age_s),
        BaselineRecorder(
            settings.sense_dir / "neutral.json",
            perception.face_model.card.neutral_prior,
            perception.prosody_model.card.neutral_prior,
        ),
        LiveView(live_path(settings.runtime_dir), allowed=live),
        perception.damages,
        perception.installed,
    )
    models = (perception.face_model, perception.voice_model, perception.prosody_model)
    return pipeline, {m.card.name: m.card.version for m in models}

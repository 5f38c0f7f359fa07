"""The thread of a device that ends: a file played to its end, and a stop."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from device.errors import EndOfMedia
from device.ipc.messages import State
from device.sense.camera import Camera, open_camera
from device.sense.camera.thread import CameraThread, Latest
from device.sense.device_thread import DeviceThread
from device.sense.microphone import Microphone, open_microphone
from device.sense.microphone.thread import MicrophoneThread, SoundRing
from device.settings.schema import Camera as CameraSettings
from device.settings.schema import Microphone as MicrophoneSettings
from tests import builders as made
from tests.sense.fakes import Make, Scripted, live_frame, stage_of
from tests.sense.waits import until


def test_the_end_of_a_file(camera: Make) -> None:
    device = Scripted(live_frame, EndOfMedia("a.mp4: played to its end"))
    thread, _, opened = camera(device)
    assert thread.ended.wait(1)
    until(device.closed.is_set)
    until(lambda: stage_of(thread).state is State.OFF)
    assert "end" in stage_of(thread).detail
    time.sleep(0.3)
    assert len(opened) == 1
    assert thread.is_alive()


def test_one_video_for_both_devices_ends_both(
    tmp_path: Path, started: Callable[[DeviceThread[Camera] | DeviceThread[Microphone]], None]
) -> None:
    path, start_s = made.video(tmp_path / "a.mp4", 8, sound=True), time.monotonic() + 0.1
    latest, ring = Latest(), SoundRing()
    video, sound = CameraSettings(source=f"file:{path}"), MicrophoneSettings(source=f"file:{path}")
    camera = CameraThread(lambda: open_camera(video, start_s=start_s), latest, 5.0)
    microphone = MicrophoneThread(lambda: open_microphone(sound, start_s=start_s), ring, 5.0)
    started(camera)
    started(microphone)
    assert camera.ended.wait(3)
    assert microphone.ended.wait(3)
    assert abs(time.monotonic() - start_s - 0.8) < 0.5
    window = ring.window()
    assert window is not None
    assert window.end_s == pytest.approx(start_s + 0.8, abs=0.15)


def test_stop_before_start_and_twice() -> None:
    thread = MicrophoneThread(lambda: open_microphone(MicrophoneSettings()), SoundRing(), 1.0)
    thread.stop()
    thread.start()
    until(lambda: not thread.is_alive())
    thread.stop()

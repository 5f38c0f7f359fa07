"""The simulated camera and microphone. The test controls their clock, so nothing waits."""

import itertools

import numpy as np
import pytest

from device.emotions import EMOTIONS, Emotion, Floats
from device.errors import SettingsError
from device.perception.audio.stft import RATE_HZ
from device.perception.audio.vad import levels_db, speech_frames
from device.perception.face.detector import FULL_RANGE, SHORT_RANGE, BlazeFace, DetectorSpec
from device.readings import Frame
from device.sense.simulator import SCRIPT, Scene, SimulatedCamera, SimulatedMicrophone, scene_at, scene_start_s
from device.sense.simulator.poses import POSES, PROSODIES
from device.sense.simulator.voice import speak
from tests.builders import drawn

_START_S = 100.0


class _Clock:
    def __init__(self) -> None:
        self.now = _START_S

    def __call__(self) -> float:
        return self.now


def _frames(count: int, script: tuple[Scene, ...] = SCRIPT, start_s: float = 0.0, fps: float = 10.0) -> list[Frame]:
    """`count` frames, starting at `start_s` of the script."""
    clock = _Clock()
    camera = SimulatedCamera(_START_S - start_s, fps, script, clock)
    frames = []
    for _ in range(count):
        clock.now += 1 / fps
        frame = camera.read()
        assert frame is not None
        frames.append(frame)
    return frames


def _sound(seconds: float, script: tuple[Scene, ...] = SCRIPT) -> tuple[Floats, list[float]]:
    clock = _Clock()
    microphone = SimulatedMicrophone(_START_S, script, clock)
    clock.now += seconds + 1
    blocks: list[Floats] = []
    ends: list[float] = []
    while not ends or ends[-1] < _START_S + seconds - 0.05:
        block = microphone.read()
        assert block is not None
        blocks.append(block[0])
        ends.append(block[1])
    return np.concatenate(blocks), ends


def test_two_runs_are_identical() -> None:
    for one, other in zip(_frames(12, start_s=7.5), _frames(12, start_s=7.5), strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(_sound(2.0)[0], _sound(2.0)[0])


def test_a_frame_has_the_time_at_which_it_was_taken() -> None:
    frames = _frames(5)
    assert {(f.pixels.shape, f.pixels.dtype.name) for f in frames} == {((480, 640, 3), "uint8")}
    assert [round(f.time_s - _START_S, 3) for f in frames] == [0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize("start_s", [0.0, sum(scene.seconds for scene in SCRIPT[:-1]) + 2])
def test_no_two_consecutive_frames_are_the_same_even_in_an_empty_room(start_s: float) -> None:
    frames = _frames(10, start_s=start_s)
    for before, after in itertools.pairwise(frames):
        assert (before.pixels[::16, ::16] != after.pixels[::16, ::16]).any()


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("spec", [SHORT_RANGE, FULL_RANGE], ids=["near", "far"])
def test_the_face_is_detected_in_every_pose_and_position(spec: DetectorSpec, emotion: Emotion) -> None:
    detector = BlazeFace(spec)
    for start_s in (0.5, 3.72, 9.0):  # 3.72: the eyes are closed
        for frame in _frames(2, (Scene(emotion, 20.0),), start_s):
            faces = detector.find(frame.pixels)
            assert len(faces) == 1
            x, y, width, height = faces[0].box
            assert abs(x + width / 2 - 320) < 40
            assert abs(y + height / 2 - 265) < 60


@pytest.mark.parametrize("height", [130, 180, 300])
def test_each_pose_is_detected_at_other_sizes(height: float) -> None:
    for pose in POSES.values():
        assert len(BlazeFace(FULL_RANGE).find(drawn(((330, 240), height, pose)))) == 1


def test_the_poses_are_seven_different_faces() -> None:
    pictures = [drawn(((320, 240), 230, POSES[e])).astype(int) for e in EMOTIONS]
    for i, one in enumerate(pictures):
        for other in pictures[:i]:
            assert np.abs(one - other).sum() > 20_000


def test_camera_and_microphone_follow_one_script() -> None:
    script = (Scene(Emotion.HAPPY, 2.0), Scene(None, 2.0), Scene(Emotion.ANGRY, 2.0, speaks=False))
    sound, ends = _sound(6.0, script)
    assert ends[0] == pytest.approx(_START_S + 0.1)
    np.testing.assert_allclose(np.diff(ends), 0.1, atol=1e-6)
    speaking = speech_frames(sound[: 6 * RATE_HZ])
    assert speaking[:195].mean() > 0.5
    assert speaking[205:].sum() == 0
    detector = BlazeFace(FULL_RANGE)
    seen = [bool(detector.find(frame.pixels)) for frame in _frames(29, script, fps=5)]
    assert all(seen[:9])
    assert not any(seen[10:19])
    assert all(seen[20:])


def test_an_empty_room_has_noise_and_not_digital_silence() -> None:
    sound, _ = _sound(1.0, (Scene(None, 5.0),))
    assert sound.any()
    assert levels_db(sound).max() < -60


def test_the_script_repeats() -> None:
    total_s = sum(scene.seconds for scene in SCRIPT)
    assert scene_at(0.0) == (0, 0.0)
    assert scene_at(-5.0) == (0, 0.0)
    for index in range(len(SCRIPT)):
        scene_start = sum(scene.seconds for scene in SCRIPT[:index])
        for repeat in range(3):
            found, since = scene_at(scene_start + 1 + repeat * total_s)
            assert (found, round(since, 6)) == (index, 1)


def test_the_face_moves_smoothly_from_one_expression_to_the_next() -> None:
    script = (Scene(Emotion.NEUTRAL, 2.0), Scene(Emotion.SURPRISE, 4.0))
    before, during, after = (_frames(1, script, start_s)[0].pixels.astype(int) for start_s in (1.85, 2.25, 2.85))
    part = (slice(140, 400), slice(220, 420))
    whole = np.abs(after[part] - before[part]).mean()
    assert np.abs(during[part] - before[part]).mean() < whole
    assert np.abs(during[part] - after[part]).mean() < whole


def test_each_emotion_has_a_voice_of_its_own_within_range() -> None:
    voices = [speak(PROSODIES[e], 1.0) for e in EMOTIONS]
    for i, voice in enumerate(voices):
        assert (voice.shape, voice.dtype.name) == ((RATE_HZ,), "float32")
        assert 0.1 < np.abs(voice).max() <= 1
        assert all(not np.array_equal(voice, other) for other in voices[:i])


@pytest.mark.parametrize(("source", "start_s"), [("stand-in", 7.0), ("stand-in@12.5", 12.5)])
def test_the_start_of_the_script_can_be_set(source: str, start_s: float) -> None:
    assert scene_start_s(source, 7.0) == start_s


@pytest.mark.parametrize("source", ["stand-in@", "stand-in@soon"])
def test_a_start_that_is_not_a_number_is_reported(source: str) -> None:
    with pytest.raises(SettingsError, match="stand-in@SECONDS"):
        scene_start_s(source, 7.0)

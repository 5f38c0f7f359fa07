"""The built-in performer. Its clock is the test's, so that nothing waits."""

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

_BEGIN_S = 100.0


class _Clock:
    def __init__(self) -> None:
        self.now = _BEGIN_S

    def __call__(self) -> float:
        return self.now


def _frames(count: int, script: tuple[Scene, ...] = SCRIPT, begin_s: float = 0.0, fps: float = 10.0) -> list[Frame]:
    """`count` frames from `begin_s` of the script on."""
    clock = _Clock()
    camera = SimulatedCamera(_BEGIN_S - begin_s, fps, script, clock)
    frames = []
    for _ in range(count):
        clock.now += 1 / fps
        frame = camera.read()
        assert frame is not None
        frames.append(frame)
    return frames


def _sound(seconds: float, script: tuple[Scene, ...] = SCRIPT) -> tuple[Floats, list[float]]:
    clock = _Clock()
    microphone = SimulatedMicrophone(_BEGIN_S, script, clock)
    clock.now += seconds + 1
    blocks: list[Floats] = []
    ends: list[float] = []
    while not ends or ends[-1] < _BEGIN_S + seconds - 0.05:
        heard = microphone.read()
        assert heard is not None
        blocks.append(heard[0])
        ends.append(heard[1])
    return np.concatenate(blocks), ends


def test_two_performances_are_the_same_to_the_pixel_and_the_sample() -> None:
    for one, other in zip(_frames(12, begin_s=7.5), _frames(12, begin_s=7.5), strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
    np.testing.assert_array_equal(_sound(2.0)[0], _sound(2.0)[0])


def test_a_frame_is_a_picture_of_the_moment_it_says() -> None:
    frames = _frames(5)
    assert {(f.pixels.shape, f.pixels.dtype.name) for f in frames} == {((480, 640, 3), "uint8")}
    assert [round(f.time_s - _BEGIN_S, 3) for f in frames] == [0.1, 0.2, 0.3, 0.4, 0.5]


@pytest.mark.parametrize("begin_s", [0.0, sum(act.seconds for act in SCRIPT[:-1]) + 2])
def test_no_two_frames_in_a_row_are_the_same_even_where_nobody_is(begin_s: float) -> None:
    frames = _frames(10, begin_s=begin_s)
    for before, after in itertools.pairwise(frames):
        assert (before.pixels[::16, ::16] != after.pixels[::16, ::16]).any()


@pytest.mark.parametrize("emotion", EMOTIONS)
@pytest.mark.parametrize("reach", [SHORT_RANGE, FULL_RANGE], ids=["near", "far"])
def test_the_face_is_found_in_every_pose_wherever_it_sways(reach: DetectorSpec, emotion: Emotion) -> None:
    detector = BlazeFace(reach)
    for begin_s in (0.5, 3.72, 9.0):  # 3.72: the eyes are shut
        for frame in _frames(2, (Scene(emotion, 20.0),), begin_s):
            found = detector.find(frame.pixels)
            assert len(found) == 1
            x, y, width, height = found[0].box
            assert abs(x + width / 2 - 320) < 40
            assert abs(y + height / 2 - 265) < 60


@pytest.mark.parametrize("height", [130, 180, 300])
def test_each_pose_is_found_at_other_sizes_too(height: float) -> None:
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
    assert ends[0] == pytest.approx(_BEGIN_S + 0.1)
    np.testing.assert_allclose(np.diff(ends), 0.1, atol=1e-6)
    speaking = speech_frames(sound[: 6 * RATE_HZ])
    assert speaking[:195].mean() > 0.5
    assert speaking[205:].sum() == 0
    detector = BlazeFace(FULL_RANGE)
    seen = [bool(detector.find(frame.pixels)) for frame in _frames(29, script, fps=5)]
    assert all(seen[:9])
    assert not any(seen[10:19])
    assert all(seen[20:])


def test_where_nobody_is_there_is_a_rooms_silence_and_no_digital_one() -> None:
    sound, _ = _sound(1.0, (Scene(None, 5.0),))
    assert sound.any()
    assert levels_db(sound).max() < -60


def test_the_script_is_played_again_and_again() -> None:
    whole = sum(act.seconds for act in SCRIPT)
    assert scene_at(0.0) == (0, 0.0)
    assert scene_at(-5.0) == (0, 0.0)
    for index in range(len(SCRIPT)):
        begin = sum(act.seconds for act in SCRIPT[:index])
        for turn in range(3):
            found, since = scene_at(begin + 1 + turn * whole)
            assert (found, round(since, 6)) == (index, 1)


def test_a_face_turns_from_one_expression_to_the_next_and_does_not_jump() -> None:
    script = (Scene(Emotion.NEUTRAL, 2.0), Scene(Emotion.SURPRISE, 4.0))
    before, during, after = (_frames(1, script, begin_s)[0].pixels.astype(int) for begin_s in (1.85, 2.25, 2.85))
    part = (slice(140, 400), slice(220, 420))
    whole = np.abs(after[part] - before[part]).mean()
    assert np.abs(during[part] - before[part]).mean() < whole
    assert np.abs(during[part] - after[part]).mean() < whole


def test_the_voice_of_each_role_is_its_own_and_stays_in_range() -> None:
    voices = [speak(PROSODIES[e], 1.0) for e in EMOTIONS]
    for i, voice in enumerate(voices):
        assert (voice.shape, voice.dtype.name) == ((RATE_HZ,), "float32")
        assert 0.1 < np.abs(voice).max() <= 1
        assert all(not np.array_equal(voice, other) for other in voices[:i])


@pytest.mark.parametrize(("source", "start_s"), [("stand-in", 7.0), ("stand-in@12.5", 12.5)])
def test_the_start_of_the_performance_can_be_given(source: str, start_s: float) -> None:
    assert scene_start_s(source, 7.0) == start_s


@pytest.mark.parametrize("source", ["stand-in@", "stand-in@soon"])
def test_a_start_that_is_no_number_is_told(source: str) -> None:
    with pytest.raises(SettingsError, match="stand-in@SECONDS"):
        scene_start_s(source, 7.0)

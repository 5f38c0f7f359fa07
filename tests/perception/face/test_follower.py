"""Who is known is followed by the cheap look, and nobody is missed for it."""

import cv2
import numpy as np
import pytest

from device.perception.face.cpu_budget import CpuBudget
from device.perception.face.crop_change import look_alike
from device.perception.face.detector import corners, overlap
from device.perception.face.follower import FaceFollower
from device.perception.face.two_stage import TwoStageDetector
from device.perception.load import open_detector
from device.readings import Face, Frame
from device.sense.simulator.face import Pose
from device.settings.schema import Settings
from tests.builders import Pixels, drawn, group, heads

_REFINED = open_detector(Settings())
_FPS = 15.0
_NOISES = [np.random.default_rng(n).normal(0, 4, (480, 640, 3)).astype(np.int16) for n in range(5)]


class Counted(TwoStageDetector):
    """The real one, counting its looks."""

    def __init__(self) -> None:
        self.searches = self.looks = 0

    def find(self, pixels: Pixels) -> list[Face]:
        self.searches += 1
        return _REFINED.find(pixels)

    def closer(self, pixels: Pixels, face: Face) -> Face | None:
        self.looks += 1
        return _REFINED.closer(pixels, face)


def as_seen(pixels: Pixels, number: int) -> Pixels:
    """By a sensor: as `noisy`, from five noises drawn once."""
    noise = _NOISES[number % len(_NOISES)][: pixels.shape[0], : pixels.shape[1]]
    return cv2.add(pixels, noise, dtype=cv2.CV_8U).astype(np.uint8, copy=False)


class Stream:
    """Frames for a Following, one after the other."""

    def __init__(self, budget: CpuBudget | None = None) -> None:
        self.counted = Counted()
        self.following = FaceFollower(self.counted, budget)
        self._frame = 0

    def read(self, pixels: Pixels, frames: int = 1) -> list[Face]:
        """What is known after so many frames of this."""
        for _ in range(frames):
            found = self.following.find(Frame(as_seen(pixels, self._frame), self._frame / _FPS))
            self._frame += 1
        return [known.face for known in found]

    def reset(self) -> None:
        self.counted.searches = self.counted.looks = 0


@pytest.fixture
def stream() -> Stream:
    return Stream()


def at(x: float, y: float = 250, size: float = 200, pose: Pose | None = None) -> Pixels:
    return drawn(((x, y), size, pose or Pose()))


def test_a_face_that_moves_is_where_a_search_would_find_it(stream: Stream) -> None:
    for number in range(45):
        pixels = at(200 + 5 * number)
        (found,) = stream.read(pixels)
        if number % 9 == 8:
            (expected,) = _REFINED.find(as_seen(pixels, number))
            assert overlap(corners(found.box), corners(expected.box)[None])[0] > 0.6
            assert np.abs(found.key_points[:2] - expected.key_points[:2]).max() < 0.15 * found.box[2]
    assert stream.counted.searches <= 9


def test_a_face_that_does_not_change_costs_next_to_nothing(stream: Stream) -> None:
    stream.read(at(320), 15)
    stream.reset()
    crops = {id(stream.read(at(320))[0].crop) for _ in range(60)}
    assert stream.counted.looks <= 4
    assert stream.counted.searches <= 4
    assert len(crops) <= 3


@pytest.mark.parametrize("size", [90, 200, 400])
def test_a_smile_is_seen_within_a_fifth_of_a_second(stream: Stream, size: float) -> None:
    (before,) = stream.read(at(320, size=size), 30)
    (after,) = stream.read(at(320, size=size, pose=Pose(mouth_curve=1)), 4)
    assert before.crop is not after.crop
    assert before.crop is not None
    assert after.crop is not None
    assert not look_alike(before.crop, after.crop)


def test_a_person_who_leaves_is_gone_in_a_fifth_of_a_second(stream: Stream) -> None:
    assert stream.read(at(320), 10)
    assert stream.read(drawn(), 4) == []


def test_a_second_person_is_seen_within_two_seconds(stream: Stream) -> None:
    assert len(stream.read(at(150), 30)) == 1
    both = drawn(((150, 250), 200, Pose()), ((480, 250), 200, Pose()))
    assert len(stream.read(both, 30)) == 2


def test_four_are_followed_and_none_is_counted_twice(stream: Stream) -> None:
    stream.read(group(), 10)
    for _ in range(30):
        assert len(stream.read(group())) == 4


def test_a_leap_in_pitch_is_noticed(stream: Stream) -> None:
    assert stream.read(at(120), 20)
    (found,) = stream.read(at(520), 8)
    assert found.box[0] > 400


def test_a_person_who_walks_fast_is_not_lost(stream: Stream) -> None:
    """A metre in a second at three metres: 20 px a frame, a third of the face's width."""
    stream.read(heads([(0, 150, 130)]), 10)
    stream.reset()
    for number in range(24):
        assert len(stream.read(heads([(20 * number, 150, 130)]))) == 1
    assert stream.counted.searches <= 8


def test_an_empty_room_that_does_not_change_is_seldom_looked_at(stream: Stream) -> None:
    stream.read(drawn(), 25)
    stream.reset()
    assert stream.read(drawn(), 90) == []
    assert stream.counted.searches <= 4


@pytest.mark.parametrize("side", [90, 220])
def test_a_person_entering_an_empty_room_is_seen_within_three_frames(stream: Stream, side: int) -> None:
    """The smaller head has a face of 40 px."""
    stream.read(heads([]), 45)
    assert stream.read(heads([(400, 120, side)]), 3)


def test_a_frame_of_another_size_is_looked_at(stream: Stream) -> None:
    stream.read(drawn(), 10)
    assert stream.read(drawn(((160, 120), 120, Pose()), width_px=320, height_px=240), 3)
    assert stream.read(at(320), 3)


def test_a_slow_change_of_light_is_no_change_of_the_face(stream: Stream) -> None:
    stream.read(at(320), 15)
    stream.reset()
    for number in range(60):
        darker = (at(320) * (1 - 0.008 * number)).astype(np.uint8)
        assert len(stream.read(darker)) == 1
    assert stream.counted.looks <= 12


def test_more_than_eight_are_not_followed(stream: Stream) -> None:
    places = [(10 + 125 * (i % 5), 20 + 230 * (i // 5), 115) for i in range(10)]
    assert len(stream.read(heads(places), 60)) == 8


class Slow:
    """A CPU on which each look takes half a second."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        self.s += 0.25
        return self.s


def test_with_a_short_budget_everything_is_seen_later() -> None:
    stream = Stream(CpuBudget(0.5, Slow()))
    both = drawn(((150, 250), 200, Pose()), ((480, 250), 200, Pose()))
    assert len(stream.read(both, 30)) == 2
    stream.reset()
    for number in range(150):  # ten seconds, five of them its own
        stream.read(drawn(((150 + number / 3, 250), 200, Pose()), ((480, 250), 200, Pose(mouth_curve=number % 2))))
    assert len(stream.read(both)) == 2
    assert stream.counted.looks + stream.counted.searches <= 24
    assert stream.counted.looks > 4
    assert stream.counted.searches >= 2, "who is known does not keep who comes in from being seen"

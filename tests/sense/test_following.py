"""Who is known is followed by the cheap look, and nobody is missed for it."""

import numpy as np
import pytest

from device.readings import Face
from device.sense.detector import FAR, NEAR, BlazeFace, Refined, corners, overlap
from device.sense.following import STILL_MOST, WHOLE_EVERY, Following
from device.sense.stand_in.drawn_face import Pose
from tests.sense.made import Pixels, drawn, group, noisy

_NEAR = BlazeFace(NEAR)


class Counted:
    """The far detector, counting its looks."""

    def __init__(self) -> None:
        self._far = BlazeFace(FAR)
        self.looks = 0

    def find(self, pixels: Pixels) -> list[Face]:
        self.looks += 1
        return self._far.find(pixels)


@pytest.fixture
def far() -> Counted:
    return Counted()


@pytest.fixture
def following(far: Counted) -> Following:
    return Following(Refined(far, _NEAR))


def at(x: float, y: float = 250, size: float = 200) -> Pixels:
    return drawn(((x, y), size, Pose()))


def test_a_face_that_moves_is_found_in_each_frame_with_one_whole_look_in_eight(
    following: Following, far: Counted
) -> None:
    whole = Refined(BlazeFace(FAR), _NEAR)
    for number in range(3 * WHOLE_EVERY):
        pixels = noisy(at(200 + 6 * number), number)
        (found,), (expected,) = following.find(pixels), whole.find(pixels)
        assert overlap(corners(found.box), corners(expected.box)[None])[0] > 0.8
        assert np.abs(found.key_points[:2] - expected.key_points[:2]).max() < 0.05 * found.box[2]
    assert far.looks == 3


def test_who_leaves_is_gone_at_once(following: Following) -> None:
    assert following.find(at(320))
    assert following.find(at(320))
    assert following.find(drawn()) == []


def test_who_comes_in_beside_another_is_seen_with_the_next_whole_look(following: Following) -> None:
    assert len(following.find(at(150))) == 1
    both = drawn(((150, 250), 200, Pose()), ((480, 250), 200, Pose()))
    counts = [len(following.find(both)) for _ in range(WHOLE_EVERY)]
    assert counts[-1] == 2
    assert counts[0] == 1


def test_four_are_followed_and_none_is_counted_twice(following: Following, far: Counted) -> None:
    expected = len(Refined(BlazeFace(FAR), _NEAR).find(group()))
    assert expected >= 3
    for number in range(WHOLE_EVERY):
        assert len(following.find(noisy(group(), number, 2))) == expected
    assert far.looks <= 3


def test_a_leap_is_looked_for_everywhere(following: Following) -> None:
    assert following.find(at(120))
    (found,) = following.find(at(520))
    assert found.box[0] > 400


def test_an_empty_room_that_does_not_change_is_seldom_looked_at(following: Following, far: Counted) -> None:
    for number in range(4 * STILL_MOST):
        assert following.find(noisy(drawn(), number)) == []
    assert far.looks == 4


@pytest.mark.parametrize("size", [60, 200])
def test_who_comes_into_an_empty_room_is_seen_in_the_same_frame(following: Following, size: float) -> None:
    for number in range(3):
        following.find(noisy(drawn(), number))
    assert following.find(noisy(at(320, size=size), 9))


def test_a_frame_of_another_size_is_looked_at(following: Following, far: Counted) -> None:
    following.find(drawn())
    following.find(drawn(width_px=320, height_px=240))
    assert far.looks == 2
    assert following.find(drawn(((160, 120), 120, Pose()), width_px=320, height_px=240))
    following.find(at(320))


def test_a_slow_change_of_light_is_looked_at_in_the_end(following: Following, far: Counted) -> None:
    for number in range(12):
        following.find(noisy((drawn() + 4 * number).astype(np.uint8), number))
    assert far.looks >= 3

"""Track numbers over time."""

import pytest
from hypothesis import given
from hypothesis import settings as tries
from hypothesis import strategies as st

from device.perception.face.tracker import KEEP_S, Tracker
from device.readings import Face
from tests.builders import face_at


def _numbers(faces: list[Face]) -> list[int]:
    return [face.track for face in faces]


def _settled(*faces: Face) -> Tracker:
    """A tracker that has seen these faces twice, at 0 and 0.1 s."""
    tracker = Tracker()
    tracker.follow(list(faces), 0.0)
    tracker.follow(list(faces), 0.1)
    return tracker


def test_a_face_counts_from_its_second_sighting() -> None:
    tracker = Tracker()
    assert tracker.follow([face_at(100, 100, 80)], 0.0) == []
    assert tracker.present(0.0) == 0
    assert _numbers(tracker.follow([face_at(102, 100, 80)], 0.1)) == [1]
    assert tracker.present(0.1) == 1


def test_a_face_that_wanders_through_the_picture_keeps_its_number() -> None:
    tracker = _settled(face_at(0, 100, 80))
    for step in range(1, 40):
        assert _numbers(tracker.follow([face_at(14 * step, 100 + 2 * step, 80)], 0.1 + step / 10)) == [1]


def test_a_face_that_comes_nearer_keeps_its_number() -> None:
    tracker = _settled(face_at(300, 200, 60))
    for step in range(1, 20):
        size = 60 * 1.12**step
        assert _numbers(tracker.follow([face_at(330 - size / 2, 230 - size / 2, size)], 0.1 + step / 10)) == [1]


def test_a_face_lost_for_a_moment_keeps_its_number() -> None:
    tracker = _settled(face_at(100, 100, 80))
    for step in range(10):
        assert tracker.follow([], 0.2 + step / 10) == []
        assert tracker.present(0.2 + step / 10) == 1
    assert _numbers(tracker.follow([face_at(130, 105, 84)], 1.2)) == [1]


def test_a_face_lost_for_long_gets_a_new_number() -> None:
    tracker = _settled(face_at(100, 100, 80))
    later = 0.1 + KEEP_S + 0.1
    assert tracker.present(later) == 0
    assert tracker.follow([face_at(100, 100, 80)], later) == []
    assert _numbers(tracker.follow([face_at(100, 100, 80)], later + 0.1)) == [2]


def test_a_face_at_another_place_is_another_person() -> None:
    tracker = _settled(face_at(100, 100, 80))
    tracker.follow([face_at(400, 100, 80)], 0.2)
    assert _numbers(tracker.follow([face_at(400, 100, 80)], 0.3)) == [2]
    assert tracker.present(0.3) == 2  # the first is lost for a moment only


def test_a_much_smaller_face_in_the_same_corner_is_another_person() -> None:
    tracker = _settled(face_at(100, 100, 200))
    tracker.follow([face_at(260, 260, 30)], 0.2)
    assert _numbers(tracker.follow([face_at(260, 260, 30)], 0.3)) == [2]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_two_that_sit_side_by_side_are_not_mixed_up_by_the_detectors_order(order: tuple[int, int]) -> None:
    tracker = _settled(face_at(100, 100, 80), face_at(185, 100, 80))
    moved = [face_at(112, 100, 80), face_at(195, 100, 80)]
    found = tracker.follow([moved[i] for i in order], 0.2)
    assert {face.box[0]: face.track for face in found} == {112: 1, 195: 2}


def test_single_sightings_at_different_places_do_not_count() -> None:
    tracker = Tracker()
    for step in range(12):
        assert tracker.follow([face_at(200 * (step % 3), 100 * (step % 4), 50)], step / 10) == []
    assert tracker.present(1.2) == 0


_BOXES = st.builds(face_at, st.floats(-50, 600), st.floats(-50, 400), st.floats(0, 300))


@tries(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.lists(_BOXES, max_size=4), st.floats(0, 2)), max_size=12))
def test_no_two_faces_of_a_frame_share_a_number_and_none_is_made_up(
    frames: list[tuple[list[Face], float]],
) -> None:
    tracker, now = Tracker(), 0.0
    for faces, pause in frames:
        now += pause
        found = tracker.follow(faces, now)
        numbers = _numbers(found)
        assert len(set(numbers)) == len(numbers) <= len(faces)
        assert all(number > 0 for number in numbers)
        assert {face.box for face in found} <= {face.box for face in faces}
        assert len(found) <= tracker.present(now)

"""Small faces in large stills."""

import numpy as np
import pytest

from device.perception.face.detector import corners, overlap
from device.perception.face.tiles import find_everywhere
from device.perception.load import open_detector
from device.readings import Face
from device.settings.schema import Settings
from tests.builders import Pixels, face_at, group, heads, portrait, shrunk

_DETECTOR = open_detector(Settings())
# The face is a little left of the head's middle, and 0.44 of its side.
_EYES = np.array([0.5, 0.45])
# Some lie across the tiles' edges.
_PLACES = ((100, 80), (900, 500), (1700, 900), (1300, 200), (460, 460), (1400, 720))


@pytest.mark.parametrize("side", [90, 150, 300])
def test_each_small_face_of_a_large_picture_is_found_once(side: int) -> None:
    """Heads of 90 px have faces of 40."""
    places = [(min(x, 1920 - side), min(y, 1080 - side), side) for x, y in _PLACES]
    pixels = heads(places, 1920, 1080)
    found = find_everywhere(_DETECTOR, pixels)
    assert len(found) == len(places)
    for x, y, _ in places:
        eyes = [np.abs(face.key_points[:2].mean(axis=0) - (_EYES * side + [x, y])).max() for face in found]
        assert sum(error < 0.1 * side for error in eyes) == 1
    for face in found:
        assert 0.35 * side < face.box[2] < 0.6 * side


def test_a_search_of_the_whole_alone_does_not_find_them() -> None:
    pixels = heads([(x, y, 90) for x, y in _PLACES], 1920, 1080)
    assert len(_DETECTOR.find(pixels)) < len(_PLACES)


def test_a_large_face_across_the_tiles_is_one_face() -> None:
    found = find_everywhere(_DETECTOR, heads([(420, 40, 1000)], 1920, 1080))
    assert len(found) == 1
    assert found[0].box[2] == pytest.approx(450, rel=0.25)


def test_a_small_picture_is_looked_at_as_it_is() -> None:
    small = shrunk(portrait()[:, :480], 200)
    assert [f.box for f in find_everywhere(_DETECTOR, small)] == [f.box for f in _DETECTOR.find(small)]


def test_the_four_of_a_group_are_four() -> None:
    found = find_everywhere(_DETECTOR, group())
    assert len(found) == 4
    assert [face.score for face in found] == sorted((face.score for face in found), reverse=True)
    boxes = np.array([corners(face.box) for face in found])
    assert all(overlap(box, np.delete(boxes, i, axis=0)).max() < 0.3 for i, box in enumerate(boxes))


@pytest.mark.parametrize("size", [(1080, 1920), (100, 4000), (4000, 100), (7000, 7000)])
def test_an_empty_wall_of_any_size_has_no_face_and_takes_little_time(size: tuple[int, int]) -> None:
    looks = []

    class Counted:
        def find(self, pixels: Pixels) -> list[Face]:
            looks.append(pixels.shape)
            return []

    assert find_everywhere(Counted(), np.zeros((*size, 3), np.uint8)) == []
    assert 1 < len(looks) <= 65


def test_the_tiles_leave_no_place_out() -> None:
    seen = np.zeros((1500, 2300), np.uint8)
    picture = np.dstack([np.indices(seen.shape)[0] % 256, np.indices(seen.shape)[1] % 256, 0 * seen]).astype(np.uint8)

    class Marks:
        def find(self, pixels: Pixels) -> list[Face]:
            """Says where it looked by a face that fills the middle of each part."""
            height, width = pixels.shape[:2]
            return [face_at(width / 2 - 5, height / 2 - 5, 10)]

    found = find_everywhere(Marks(), picture)
    middles = np.array([[face.box[0] + 5, face.box[1] + 5] for face in found])
    for y in range(0, 1500, 50):
        for x in range(0, 2300, 50):
            assert np.abs(middles - [x, y]).max(axis=1).min() <= 290


def test_an_eye_taken_for_a_face_is_dropped() -> None:
    class Twice:
        def find(self, pixels: Pixels) -> list[Face]:  # noqa: ARG002 - the protocol's name
            return [face_at(100, 100, 200, 0.9), face_at(140, 150, 40, 0.8)]

    assert len(find_everywhere(Twice(), np.zeros((280, 280, 3), np.uint8))) == 1

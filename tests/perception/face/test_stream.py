"""What a stream of frames becomes: readings that carry numbers, made anew where something changed."""

import pytest

from device.emotions import Emotion, top
from device.perception.face.classifier import FaceReader
from device.perception.face.stream import FaceStream
from device.perception.load import Perception, load_perception
from device.perception.models.inputs import FACE_PX
from device.readings import Face, FaceReading, Frame
from device.sense.simulator.face import Pose
from device.sense.simulator.poses import POSES
from device.settings.schema import Camera, Settings
from tests.builders import Pixels, drawn, heads, noisy


@pytest.fixture(scope="module")
def readers() -> Perception:
    return load_perception(Settings())


@pytest.fixture
def sight(readers: Perception) -> FaceStream:
    return readers.open_face_stream(Settings())


def _person(x: float, y: float = 240, height: float = 200) -> Pixels:
    return drawn(((x, y), height, Pose()))


def _stream(sight: FaceStream, pictures: list[Pixels], begin_s: float = 0.0) -> list[list[FaceReading]]:
    return [sight.read(Frame(noisy(p, i), begin_s + i / 10)) for i, p in enumerate(pictures)]


def _tracks(readings: list[FaceReading]) -> list[int]:
    return [reading.face.track for reading in readings]


def test_a_person_who_moves_keeps_the_number_and_is_read_in_each_frame(sight: FaceStream) -> None:
    looks = _stream(sight, [_person(150 + 12 * step, 240 + 3 * step) for step in range(20)])
    assert looks[0] == []
    assert [_tracks(readings) for readings in looks[1:]] == [[1]] * 19
    crops = [readings[0].face.crop for readings in looks[1:]]
    assert all(crop is not None and crop.shape == (FACE_PX, FACE_PX) and crop.std() > 20 for crop in crops)


def test_a_person_who_is_hidden_for_a_second_keeps_the_number(sight: FaceStream) -> None:
    empty = drawn()
    looks = _stream(sight, [_person(300)] * 5 + [empty] * 10 + [_person(310)] * 4)
    assert all(not readings for readings in looks[7:15])
    assert [track for readings in looks[15:] for track in _tracks(readings)][-3:] == [1, 1, 1]
    assert sight.people(1.85) == 1


def test_somebody_else_elsewhere_gets_another_number_and_is_counted(sight: FaceStream) -> None:
    both = drawn(((170, 240), 200, Pose()), ((470, 240), 190, Pose(mouth_curve=1)))
    looks = _stream(sight, [_person(170)] * 3 + [both] * 20)
    assert sorted(_tracks(looks[-1])) == [1, 2]
    assert sight.people(2.2) == 2


def test_a_person_who_leaves_is_no_longer_counted(sight: FaceStream) -> None:
    _stream(sight, [_person(300)] * 3)
    assert (sight.people(0.3), sight.people(2.5)) == (1, 0)


def test_a_face_in_only_one_frame_does_not_count(sight: FaceStream) -> None:
    assert _stream(sight, [drawn(), _person(300), drawn(), drawn()]) == [[], [], [], []]
    assert sight.people(0.3) == 0


def test_of_many_faces_the_largest_are_read(readers: Perception) -> None:
    sight = readers.open_face_stream(Settings(camera=Camera(max_faces=2)))
    pixels = heads([(20, 30, 200), (260, 40, 150), (450, 60, 110), (300, 260, 190)])
    looks = _stream(sight, [pixels] * 8)
    assert len(looks[-1]) == 2
    assert min(reading.face.box[2] for reading in looks[-1]) > 80
    assert sight.people(0.8) == 4


class Counted(FaceReader):
    """A real reader, counting."""

    def __init__(self, real: FaceReader) -> None:
        self._real, self.count = real, 0

    def read(self, face: Face, time_s: float) -> FaceReading:
        self.count += 1
        return self._real.read(face, time_s)


def test_a_face_that_looks_the_same_is_not_read_again_and_its_reading_stays_fresh(sight: FaceStream) -> None:
    sight._reader = counted = Counted(sight._reader)
    pixels = drawn(((320, 240), 300, POSES[Emotion.HAPPY]))
    looks = _stream(sight, [pixels] * 50)
    assert counted.count <= 5
    ((last,),) = looks[-1:]
    assert last.time_s == pytest.approx(4.9, abs=0.25)
    assert top(last.probabilities) is Emotion.HAPPY


def test_a_change_of_face_is_read_within_three_tenths_of_a_second(sight: FaceStream) -> None:
    happy, angry = (drawn(((320, 240), 300, POSES[e])) for e in (Emotion.HAPPY, Emotion.ANGRY))
    looks = _stream(sight, [happy] * 20 + [angry] * 3)
    assert top(looks[19][0].probabilities) is Emotion.HAPPY
    assert top(looks[-1][0].probabilities) is Emotion.ANGRY

"""Reading a face, and how far the reading is trusted."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from device.emotions import Emotion, Floats, top
from device.perception.face.align import aligned_crop, face_of_whole_picture
from device.perception.face.classifier import FaceReader, quality
from device.perception.load import open_detector
from device.perception.models.model import Model
from device.readings import Face
from device.sense.simulator.poses import POSES
from device.settings.schema import Settings
from tests.builders import Pixels, astronaut, drawn, face_at, portrait

_READER = FaceReader(Model("face"))
_DETECTOR = open_detector(Settings())


def _gray(pixels: Pixels) -> Pixels:
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), np.uint8)


def _found(pixels: Pixels) -> Face:
    faces = _DETECTOR.find(pixels)
    assert len(faces) == 1
    return replace(faces[0], crop=aligned_crop(_gray(pixels), faces[0]))


def _read(pixels: Pixels) -> Floats:
    return _READER.read(_found(pixels), 1.5).probabilities


@pytest.mark.parametrize("height", [150, 230, 330])
@pytest.mark.parametrize("emotion", [Emotion.HAPPY, Emotion.SURPRISE])
def test_a_drawn_face_is_read_as_it_was_drawn(emotion: Emotion, height: float) -> None:
    assert top(_read(drawn(((320, 240), height, POSES[emotion])))) is emotion


def test_a_smile_raises_happy_and_grief_raises_sad() -> None:
    neutral, happy, sad = (
        _read(drawn(((320, 240), 230, POSES[e]))) for e in (Emotion.NEUTRAL, Emotion.HAPPY, Emotion.SAD)
    )
    assert happy[3] > neutral[3] + 0.3
    assert sad[4] > neutral[4]


def test_a_real_smile_is_read_as_happy() -> None:
    assert top(_read(portrait())) is Emotion.HAPPY


def test_a_reading_says_of_which_face_and_when_and_its_probabilities_sum_to_one() -> None:
    face = _found(portrait())
    reading = _READER.read(face, 1.5)
    assert reading.face is face
    assert reading.time_s == 1.5
    assert reading.probabilities.sum() == pytest.approx(1, abs=1e-4)
    assert 0 < reading.quality <= 1


def test_how_bright_the_room_is_changes_little() -> None:
    crop = _found(portrait()).crop
    assert crop is not None
    dim = (crop * 0.35 + 10).astype(np.uint8)
    light, dark = (_READER.read(face_at(0, 0, 100, crop=c), 0.0).probabilities for c in (crop, dim))
    assert np.abs(light - dark).max() < 0.1


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_crop_of_one_colour_is_read_and_hardly_trusted(level: int) -> None:
    reading = _READER.read(face_of_whole_picture(np.full((48, 48), level, np.uint8)), 0.0)
    assert np.isfinite(reading.probabilities).all()
    assert reading.quality <= 0.1


def test_a_face_without_a_crop_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="crop"):
        _READER.read(face_at(0, 0, 100), 0.0)


def _sharp() -> Pixels:
    crop = face_of_whole_picture(_gray(astronaut()[70:190, 165:285])).crop
    assert crop is not None
    return crop


def test_quality_is_full_for_a_large_sharp_face_that_looks_at_the_camera() -> None:
    assert quality(face_at(0, 0, 120, crop=_sharp())) == pytest.approx(1)


def test_quality_falls_with_size() -> None:
    values = [quality(face_at(0, 0, size, crop=_sharp())) for size in (100, 60, 45, 32, 20)]
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.2


def test_quality_falls_with_blur() -> None:
    values = []
    for deviation in (0.0, 2.0, 3.0, 6.0):
        blurred = cv2.GaussianBlur(_sharp(), (0, 0), deviation) if deviation else _sharp()
        values.append(quality(face_at(0, 0, 100, crop=np.asarray(blurred, np.uint8))))
    assert values == sorted(values, reverse=True)
    assert values[-1] < 0.4


def test_quality_falls_as_the_head_turns_to_either_side() -> None:
    for side in (-1, 1):
        values = []
        for turn in (0.0, 0.2, 0.35, 0.5, 0.8):
            face = face_at(0, 0, 100, crop=_sharp())
            points = face.key_points.copy()
            points[2] += side * turn * (points[1] - points[0])
            values.append(quality(replace(face, key_points=points)))
        assert values[0] == 1
        assert values == sorted(values, reverse=True)
        assert values[2] < 0.5
        assert values[-1] < 0.1


def test_a_profile_with_both_eyes_at_one_place_is_not_trusted() -> None:
    face = face_at(0, 0, 100, crop=_sharp())
    assert quality(replace(face, key_points=np.tile(face.key_points[:1], (6, 1)))) < 0.1

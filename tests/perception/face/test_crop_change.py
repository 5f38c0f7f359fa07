"""What two crops of one face say of it."""

from dataclasses import replace

import numpy as np
import pytest

from device.perception.face.align import cut_out
from device.perception.face.crop_change import follow_shift, look_alike, midway
from device.perception.load import open_detector
from device.readings import Face
from device.sense.simulator.face import Pose
from device.settings.schema import Settings
from tests.builders import Pixels, astronaut, drawn, noisy, shrunk


def _found(pixels: Pixels) -> Face:
    (face,) = open_detector(Settings()).find(pixels)
    return replace(face, crop=cut_out(pixels, face))


def _at(x: float, y: float = 240, pose: Pose | None = None) -> Pixels:
    return drawn(((x, y), 220, pose or Pose()))


@pytest.mark.parametrize(("right", "low"), [(0, 0), (6, 0), (-5, 4), (9, -7)])
def test_a_face_that_drifted_is_followed_to_a_pixel(right: int, low: int) -> None:
    face = _found(noisy(_at(320), 1))
    now = follow_shift(face, cut_out(noisy(_at(320 + right, 240 + low), 2), face))
    assert now
    np.testing.assert_allclose(np.array(now.box[:2]) - face.box[:2], [right, low], atol=1.2)
    np.testing.assert_allclose(now.key_points - face.key_points, np.tile([[right, low]], (6, 1)), atol=1.2)


def test_a_tilted_face_is_shifted_in_the_pictures_coordinates() -> None:
    """A quarter turn: what is to the right in the picture is along the face's own height."""
    upright = noisy(np.pad(shrunk(astronaut(), 400), ((40, 40), (120, 120), (0, 0)), mode="edge"), 1)
    face = _found(upright)
    turned = np.ascontiguousarray(np.rot90(upright))
    width = upright.shape[1]
    points = np.stack([face.key_points[:, 1], width - 1 - face.key_points[:, 0]], axis=1).astype(np.float32)
    x, y, side, height = face.box
    lying = Face((y, width - 1 - x - side, height, side), face.score, points)
    lying = replace(lying, crop=cut_out(turned, lying))
    now = follow_shift(lying, cut_out(np.roll(turned, 5, axis=1), lying))
    assert now
    np.testing.assert_allclose(np.array(now.box[:2]) - lying.box[:2], [5, 0], atol=1.5)


def test_somebody_else_in_the_same_place_is_not_followed() -> None:
    face = _found(noisy(_at(320), 1))
    other = _found(noisy(np.pad(shrunk(astronaut(), 400), ((40, 40), (120, 120), (0, 0)), mode="edge"), 2))
    assert other.crop is not None
    assert follow_shift(face, other.crop) is None


def test_an_empty_place_is_no_longer_followed() -> None:
    face = _found(noisy(_at(320), 1))
    assert follow_shift(face, cut_out(noisy(drawn(), 2), face)) is None


def test_noise_changes_nothing_and_a_smile_does() -> None:
    face = _found(noisy(_at(320), 1))
    assert face.crop is not None
    assert look_alike(face.crop, cut_out(noisy(_at(320), 2), face))
    assert not look_alike(face.crop, cut_out(noisy(_at(320, pose=Pose(mouth_curve=1)), 3), face))


def test_midway_between_two_looks_is_their_mean() -> None:
    one, other = _found(noisy(_at(320), 1)), _found(noisy(_at(326, 244), 2))
    mean = midway(one, other)
    np.testing.assert_allclose(mean.key_points, (one.key_points + other.key_points) / 2)
    np.testing.assert_allclose(mean.box, (np.array(one.box) + other.box) / 2)

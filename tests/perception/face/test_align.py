"""Aligned crops, and the eyes over a stream of frames."""

import cv2
import numpy as np
import pytest

from device.perception.face.align import EYE_DISTANCE, EYE_HEIGHT, aligned_crop, face_of_whole_picture
from device.perception.models.inputs import FACE_PX
from device.readings import Face
from tests.builders import Pixels, face_at

_ROOM_GRAY, _DOT = 60, 255
_WANTED = [(0.5 - EYE_DISTANCE / 2, EYE_HEIGHT), (0.5 + EYE_DISTANCE / 2, EYE_HEIGHT)]


def _dotted(middle: tuple[float, float], size: float, roll_deg: float) -> tuple[Pixels, Face]:
    """A gray picture with a bright dot for each eye of a face of this size and roll, and that face."""
    angle = np.radians(roll_deg)
    half = 0.19 * size * np.array([np.cos(angle), np.sin(angle)])
    eyes = np.array([np.array(middle) - half, np.array(middle) + half], np.float32)
    gray = np.full((720, 960), _ROOM_GRAY, np.uint8)
    for x, y in eyes:
        cv2.circle(gray, (round(16 * x), round(16 * y)), round(16 * 0.05 * size), _DOT, -1, cv2.LINE_AA, 4)
    x, y = middle[0] - size / 2, middle[1] - 0.4 * size
    points = np.concatenate([eyes, [[middle[0], middle[1] + 0.2 * size]] * 4]).astype(np.float32)
    return gray, Face((x, y, size, size), 0.9, points)


def _dots(crop: Pixels) -> list[tuple[float, float]]:
    """Middles of the bright dots of a crop, from left to right, as shares of its side."""
    count, _, _, middles = cv2.connectedComponentsWithStats((crop > 140).astype(np.uint8))
    return sorted(((float(x) + 0.5) / FACE_PX, (float(y) + 0.5) / FACE_PX) for x, y in middles[1:count])


@pytest.mark.parametrize("roll_deg", [-20, -7, 0, 13, 20])
@pytest.mark.parametrize("size", [40, 64, 100, 240, 600])
def test_the_eyes_lie_level_where_the_corpus_has_them(size: float, roll_deg: float) -> None:
    crop = aligned_crop(*_dotted((470.3, 330.6), size, roll_deg))
    assert crop.shape == (FACE_PX, FACE_PX)
    found = _dots(crop)
    assert len(found) == 2
    np.testing.assert_allclose(found, _WANTED, atol=1.0 / FACE_PX)


@pytest.mark.parametrize("size", [60, 500])
@pytest.mark.parametrize("corner", [(0, 0), (960, 0), (0, 720), (960, 720)])
def test_a_crop_at_the_border_repeats_the_border(corner: tuple[int, int], size: float) -> None:
    """Its eyes are just inside; no black beside them that a network could take for hair."""
    inwards = np.where(np.array(corner) > 0, -1, 1) * size * [0.3, 0.12]
    crop = aligned_crop(*_dotted((corner[0] + float(inwards[0]), corner[1] + float(inwards[1])), size, 0))
    np.testing.assert_allclose(_dots(crop), _WANTED, atol=1.5 / FACE_PX)
    assert crop.min() > 0.7 * _ROOM_GRAY


def test_a_face_mostly_outside_the_picture_still_gives_a_crop() -> None:
    gray = np.full((100, 100), _ROOM_GRAY, np.uint8)
    for x, y in ((-70, 10), (95, 95), (-500, -500), (300, 40)):
        for size in (30, 90, 400):
            crop = aligned_crop(gray, face_at(x, y, size))
            assert (crop.shape, set(np.unique(crop))) == ((FACE_PX, FACE_PX), {_ROOM_GRAY})


def test_eyes_at_one_place_and_a_profile_take_their_scale_from_the_box() -> None:
    gray = np.tile(np.arange(200, dtype=np.uint8), (200, 1))
    face = face_at(60, 60, 80)
    same = np.tile(face.key_points[:1], (6, 1))
    crop = aligned_crop(gray, Face(face.box, 0.9, same))
    # The ramp rises by one a pixel: so many pixels of the picture are in the crop.
    assert int(crop[24].max()) - int(crop[24].min()) == pytest.approx(0.22 * 80 / EYE_DISTANCE, abs=2)


def test_a_large_face_is_averaged_and_not_sampled() -> None:
    gray, face = _dotted((480, 360), 600, 0)
    noise = np.random.default_rng(0).normal(0, 40, gray.shape)
    crop = aligned_crop(np.clip(gray * 0 + 120 + noise, 0, 255).astype(np.uint8), face)
    assert crop.std() < 12


def test_a_picture_of_any_size_can_be_a_face() -> None:
    for height, width in ((48, 48), (20, 20), (400, 300), (1, 1)):
        gray = np.linspace(0, 255, height * width).reshape(height, width).astype(np.uint8)
        face = face_of_whole_picture(gray)
        assert face.crop is not None
        assert face.crop.shape == (FACE_PX, FACE_PX)
        assert face.box == (0, 0, width, height)
    exact = np.random.default_rng(0).integers(0, 256, (48, 48), dtype=np.uint8)
    crop = face_of_whole_picture(exact).crop
    assert crop is not None
    np.testing.assert_array_equal(crop, exact)

"""A camera that hangs on its side or upside down: its pictures are turned upright."""

from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from device.readings import Frame
from device.sense.camera.thread import rotate
from device.settings.schema import Settings
from tests.builders import picture, portrait
from tests.sense.live_sense import living
from tests.sense.waits import until


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
def test_the_picture_and_the_small_one_are_turned_together(rotation: int) -> None:
    rng = np.random.default_rng(0)
    pixels, small = (rng.integers(0, 256, shape, np.uint8) for shape in ((48, 64, 3), (12, 16)))
    turned = Frame(np.rot90(pixels, rotation // 90), 1.5, np.rot90(small, rotation // 90))
    found = rotate(turned, rotation)
    np.testing.assert_array_equal(found.pixels, pixels)
    assert found.small is not None
    np.testing.assert_array_equal(found.small, small)
    assert found.time_s == 1.5
    assert rotate(Frame(turned.pixels, 1.5), rotation).small is None


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_face_is_read_from_a_camera_that_is_not_upright(rotation: int, tmp_path: Path, house: Settings) -> None:
    """With all of `sense`: the astronaut smiles."""
    turned = picture(tmp_path / "turned.png", np.ascontiguousarray(np.rot90(portrait(), rotation // 90)))
    camera = replace(house.camera, source=f"file:{turned}", rotation=rotation)
    with living(replace(house, camera=camera, microphone=replace(house.microphone, source="off"))) as (_, hub):
        until(lambda: hub.mood and hub.mood.mood.face and hub.mood.mood.emotion.value == "happy", 15)
        assert hub.mood
        assert hub.mood.mood.people == 1

"""Colours, compared with the values in Home Assistant's tests of the same formula, and a lamp's gamut."""

import pytest

from device.hub.actions.colour import WHITE, Point, clamp_to_gamut, parse_rgb, rgb_to_xy

GAMUT_B = ((0.675, 0.322), (0.409, 0.518), (0.167, 0.04))


@pytest.mark.parametrize(
    ("colour", "point"),
    [
        ("#ff0000", (0.701, 0.299)),
        ("#00ff00", (0.172, 0.747)),
        ("#0000ff", (0.136, 0.040)),
        ("#ffffff", (0.323, 0.329)),
        ("#808080", (0.323, 0.329)),
        ("#000000", WHITE),
    ],
)
def test_a_colour_is_a_point(colour: str, point: Point) -> None:
    assert rgb_to_xy(colour) == pytest.approx(point, abs=1e-3)


def test_brightness_does_not_change_the_point() -> None:
    assert rgb_to_xy("#800000") == pytest.approx(rgb_to_xy("#FF0000"), abs=1e-3)
    assert parse_rgb("#ff8001") == (255, 128, 1)


def test_a_colour_outside_the_gamut_becomes_the_nearest_inside() -> None:
    assert clamp_to_gamut((0.4, 0.35), GAMUT_B) == (0.4, 0.35)
    assert clamp_to_gamut((0.4, 0.35), GAMUT_B[::-1]) == (0.4, 0.35)
    assert clamp_to_gamut((0.8, 0.3), GAMUT_B) == (0.675, 0.322)
    green = clamp_to_gamut(rgb_to_xy("#00ff00"), GAMUT_B)
    assert green == pytest.approx(GAMUT_B[1], abs=0.02)
    between = clamp_to_gamut((0.1, 0.3), GAMUT_B)
    assert 0.167 < between[0] < 0.409
    assert 0.04 < between[1] < 0.518


def test_a_gamut_without_an_area_works() -> None:
    assert clamp_to_gamut((0.2, 0.2), ((0.3, 0.3),) * 3) == (0.2, 0.2)
    assert clamp_to_gamut((0.9, 0.8), ((0.3, 0.3), (0.3, 0.3), (0.1, 0.1))) == (0.3, 0.3)

"""#rrggbb -> CIE xy, limited to what a lamp can show.

Source: Philips Hue, "Color conversion formulas RGB to XY and back" (developers.meethue.com): the sRGB gamma, then the
Wide RGB D65 matrix, then the nearest point of the lamp's gamut.
"""

from itertools import pairwise

Point = tuple[float, float]
"""CIE x and y, 0..1."""
WHITE: Point = (0.3227, 0.3290)
"""D65 of the same matrix. Also stands for black, which has no colour of its own."""


def parse_rgb(colour: str) -> tuple[int, int, int]:
    """`#ff8000` -> (255, 128, 0)."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def rgb_to_xy(colour: str) -> Point:
    """`#rrggbb` as a point, without its brightness."""
    red, green, blue = (_linear(channel / 255) for channel in parse_rgb(colour))
    x = red * 0.664511 + green * 0.154324 + blue * 0.162028
    y = red * 0.283881 + green * 0.668433 + blue * 0.047685
    z = red * 0.000088 + green * 0.072310 + blue * 0.986039
    total = x + y + z
    return (round(x / total, 4), round(y / total, 4)) if total else WHITE


def _linear(channel: float) -> float:
    return ((channel + 0.055) / 1.055) ** 2.4 if channel > 0.04045 else channel / 12.92


def clamp_to_gamut(point: Point, gamut: tuple[Point, Point, Point]) -> Point:
    """The point nearest to `point` that a lamp with these primaries (red, green, blue) can show."""
    edges = list(pairwise((*gamut, gamut[0])))
    sides = [_cross(start, end, point) for start, end in edges]
    if all(side >= 0 for side in sides) or all(side <= 0 for side in sides):
        return point
    nearest = [_nearest_on(start, end, point) for start, end in edges]
    return min(nearest, key=lambda one: (one[0] - point[0]) ** 2 + (one[1] - point[1]) ** 2)


def _cross(start: Point, end: Point, point: Point) -> float:
    return (end[0] - start[0]) * (point[1] - start[1]) - (end[1] - start[1]) * (point[0] - start[0])


def _nearest_on(start: Point, end: Point, point: Point) -> Point:
    """The point between `start` and `end` that is nearest to `point`."""
    dx, dy = end[0] - start[0], end[1] - start[1]
    length = dx * dx + dy * dy
    share = ((point[0] - start[0]) * dx + (point[1] - start[1]) * dy) / length if length else 0.0
    share = min(max(share, 0.0), 1.0)
    return start[0] + share * dx, start[1] + share * dy
